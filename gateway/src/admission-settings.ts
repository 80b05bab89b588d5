import { accessSync, constants, mkdirSync } from 'node:fs';
import { UnreadableSupergraph } from '@taskgraph/federation-engine/internal/supergraph/supergraph-source.js';
import {
  ConfigError,
  createClientInfoSigner,
  readExemption,
  type Log,
  type Metrics,
  type SignClientInfo,
} from '@taskgraph/service-kit';
import type { ClientLimitsOptions } from './admission/client-limits.js';
import type { DemandControlOptions } from './admission/demand-control.js';
import type { DocumentsOptions } from './admission/served-documents.js';
import type { PoliciesOptions } from './admission/policies.js';
import { createPolicyHook } from './admission/policy-hook.js';
import { servesOwnGraph, subgraphKey, type GatewayConfig } from './config.js';
import type { ClientAddressOptions } from './identity/client-address.js';
import { createExchangeCookie } from './identity/exchange-cookie.js';
import { createKeptSessions } from './identity/kept-sessions.js';
import type { SessionCookiesOptions } from './identity/session-cookies.js';
import type { TicketsOptions } from './identity/tickets.js';

/** Says how much clients may ask for. */
export function toClientLimits(config: GatewayConfig): Pick<ClientLimitsOptions, 'rates' | 'isExempt'> {
  const rates = {
    address: config.RATE_LIMIT_ADDRESS,
    anonymous: config.RATE_LIMIT_ANONYMOUS,
    mutations: config.RATE_LIMIT_MUTATIONS,
    uploads: config.RATE_LIMIT_UPLOADS,
    uploadBytes: config.RATE_LIMIT_UPLOAD_BYTES,
    cost: config.RATE_LIMIT_COST,
  };
  return { rates, isExempt: readExemption(config) };
}

/** Says where clients are looked for. */
export function toClientAddress(config: GatewayConfig): ClientAddressOptions {
  const { TRUST_PROXY: ranges = [], CLIENT_ADDRESS_HEADER: header = 'x-forwarded-for' } = config;
  return { proxies: ranges.flat(), header };
}

/**
 * Says what subgraphs are told of clients with; null where they are not told.
 *
 * @throws ConfigError when the project's own graph is to be served without it, outside of development
 */
export function toClientInfoSigner(config: GatewayConfig): SignClientInfo | null {
  const { CLIENT_INFO_SECRET: secret } = config;
  if (secret !== undefined) return createClientInfoSigner(secret);
  if (servesOwnGraph(config) && config.NODE_ENV !== 'development')
    throw new ConfigError([
      'CLIENT_INFO_SECRET is required: at least 32 characters, the same as of auth, task and media, which limit clients by their addresses',
    ]);
  return null;
}

/** Says how browsers get sessions by cookies; null where they do not. */
export function toSessionCookies(
  config: GatewayConfig,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): (Pick<SessionCookiesOptions, 'isSecure' | 'exchange'> & { readonly close: () => void }) | null {
  const { SESSION_COOKIES: mode, sessionTokensUrls: url, CLIENT_INFO_SECRET: secret, REDIS_URL: redisUrl } = config;
  if (mode === 'off' || url === null || secret === undefined) return null;
  const isSecure = mode === 'secure';
  const exchange = createExchangeCookie({ url, sign: createClientInfoSigner(secret), log });
  if (redisUrl === undefined) return { isSecure, exchange, close: () => undefined };
  return { isSecure, ...createKeptSessions({ redisUrl, secret, exchange, log, metrics }) };
}

/** Says how URLs for `EventSource` are signed. */
export function toTickets(config: GatewayConfig): TicketsOptions {
  return {
    secret: config.EVENT_SOURCE_SECRET ?? null,
    lifetimeMs: config.EVENT_SOURCE_LIFETIME_SECONDS * 1_000,
  };
}

/** Says which documents are served. */
export function toDocuments(config: GatewayConfig): Omit<DocumentsOptions, 'log' | 'onUnregistered'> {
  return {
    remembersHashes: config.APQ,
    path: config.SAFELIST_FILE,
    mode: config.SAFELIST_MODE,
    requireId: config.SAFELIST_REQUIRE_ID,
    pollMs: config.SAFELIST_POLL_MS,
    limits: config.documentLimits,
  };
}

/** Says what decides about `@policy`. */
export function toPolicies({
  AUTHORIZATION_POLICIES: table,
  AUTHORIZATION_POLICY_URL: url,
  AUTHORIZATION_POLICY_TIMEOUT_MS: timeoutMs,
}: GatewayConfig): PoliciesOptions {
  return { table, hook: url === undefined ? null : createPolicyHook({ url, timeoutMs }) };
}

/** Says what operations may cost. */
export function toDemandControl(config: GatewayConfig): DemandControlOptions {
  return {
    mode: config.DEMAND_CONTROL,
    maxCost: config.MAX_OPERATION_COST,
    maxSubgraphCost: (name) => config.subgraphMaxCosts[subgraphKey(name)] ?? config.SUBGRAPH_MAX_COST ?? Infinity,
  };
}

/**
 * Says where files wait.
 *
 * @throws ConfigError when nothing can be written there
 */
export function toSpoolFolder({ UPLOAD_SPOOL_DIR: folder }: GatewayConfig): string | undefined {
  if (folder === undefined) return undefined;
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new ConfigError([`UPLOAD_SPOOL_DIR: ${(error as Error).message}`]);
  }
  return folder;
}

/**
 * Tells a fault of the start as one of the setting that it comes from.
 *
 * @throws ConfigError, or what it was given
 */
export function toConfigError(error: unknown): never {
  if (!(error instanceof UnreadableSupergraph)) throw error;
  throw new ConfigError([`SUPERGRAPH_PATH: ${error.message}; \`npm run compose\` writes the project's own`]);
}
