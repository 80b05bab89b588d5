import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { OperationCacheOptions } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { ConfigError, createClientInfoSigner, type SignClientInfo } from '@taskgraph/service-kit';
import { UnreadableSupergraph } from '@taskgraph/federation-engine/internal/supergraph/supergraph-source.js';
import type { DemandControlOptions } from './admission/demand-control.js';
import type { RegisteredDocumentsOptions } from './admission/registered-documents.js';
import { servesOwnGraph, subgraphKey, type GatewayConfig } from './config.js';
import type { ClientAddressOptions } from './identity/client-address.js';
import type { SubgraphsSettings } from '@taskgraph/federation-engine/internal/subgraphs/subgraphs.js';

const MIB = 1024 * 1024;

/**
 * Says how this gateway reaches its subgraphs.
 *
 * @throws ConfigError when SUBGRAPH_CA_FILE names no certificates
 */
export function toSubgraphsSettings(config: GatewayConfig): SubgraphsSettings {
  return {
    urlOf: (name) => config.subgraphUrls[subgraphKey(name)],
    adviceFor: (name) => `Set ${subgraphKey(name).toUpperCase()}_URL.`,
    timeoutMs: (name) => config.subgraphTimeoutsMs[subgraphKey(name)] ?? config.SUBGRAPH_TIMEOUT_MS,
    exchange: {
      maxAnswerBytes: config.SUBGRAPH_MAX_ANSWER_BYTES,
      breakerErrorPercentage: config.SUBGRAPH_BREAKER_ERROR_PERCENTAGE,
      breakerResetMs: config.SUBGRAPH_BREAKER_RESET_MS,
      http2: config.SUBGRAPH_HTTP2,
      authorities: config.SUBGRAPH_CA_FILE === undefined ? undefined : readAuthorities(config.SUBGRAPH_CA_FILE),
      compression: config.SUBGRAPH_COMPRESSION,
    },
    assertReady,
    maxConnections: config.SUBGRAPH_MAX_CONNECTIONS,
    // A fetch that were let in without a connection would wait for one behind whoever came first, and nobody would take turns.
    maxConcurrency: config.SUBGRAPH_HTTP2
      ? config.SUBGRAPH_MAX_CONCURRENCY
      : Math.min(config.SUBGRAPH_MAX_CONCURRENCY, config.SUBGRAPH_MAX_CONNECTIONS),
    maxWaiting: config.SUBGRAPH_MAX_WAITING,
    maxUploads: config.SUBGRAPH_MAX_UPLOADS,
    maxUploadsPerUser: config.SUBGRAPH_MAX_UPLOADS_PER_USER,
    longestOperationMs: Math.max(config.OPERATION_TIMEOUT_MS, config.UPLOAD_TIMEOUT_MS),
  };
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

const READY_TIMEOUT_MS = 1_000;

/**
 * Asks a subgraph at `/health/ready` of its own address, where those of this project say whether what they need is there: one whose
 * database is away answers `{__typename}` all the same. Another answer than 503, or none, says nothing.
 *
 * @throws when it says that it is not ready
 */
async function assertReady(url: string, signal: AbortSignal): Promise<void> {
  // One that answers nothing at all to what it does not know is none of this project.
  const soon = AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT_MS)]);
  const response = await fetch(new URL('/health/ready', url), { signal: soon, redirect: 'manual' }).catch(() => null);
  await response?.body?.cancel();
  if (response?.status === 503) throw new Error('it answers, and says that it is not ready');
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

/** Says what operations may cost. */
export function toDemandControl(config: GatewayConfig): DemandControlOptions {
  return {
    mode: config.DEMAND_CONTROL,
    maxCost: config.MAX_OPERATION_COST,
    maxSubgraphCost: (name) => config.subgraphMaxCosts[subgraphKey(name)] ?? config.SUBGRAPH_MAX_COST ?? Infinity,
  };
}

/** Says what is compiled, and how much of it is kept. */
export function toOperationCache(config: GatewayConfig): OperationCacheOptions {
  return {
    maxBytes: config.PLAN_CACHE_MIB * MIB,
    maxWaiting: config.PLAN_MAX_WAITING,
    limits: config.documentLimits,
    introspection: config.introspection,
    assumedListSize: config.ASSUMED_LIST_SIZE,
  };
}

/** Says which documents are served. */
export function toRegisteredDocuments(
  config: GatewayConfig,
): Pick<RegisteredDocumentsOptions, 'path' | 'mode' | 'requireId' | 'pollMs' | 'limits'> {
  return {
    path: config.SAFELIST_FILE,
    mode: config.SAFELIST_MODE,
    requireId: config.SAFELIST_REQUIRE_ID,
    pollMs: config.SAFELIST_POLL_MS,
    limits: config.documentLimits,
  };
}

/** Those of the file, beside those that Node knows: other subgraphs may have public certificates. */
function readAuthorities(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`SUBGRAPH_CA_FILE: ${(error as Error).message}`]);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ConfigError([`SUBGRAPH_CA_FILE: ${file} holds no certificates in PEM`]);
  return [...rootCertificates, text];
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
