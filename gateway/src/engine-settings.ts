import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { EngineOptions } from '@taskgraph/federation-engine';
import type { PlannerHostOptions } from '@taskgraph/federation-engine/internal/engine-parts.js';
import { createMemoryCache, type Cache } from '@taskgraph/federation-engine/internal/subgraphs/caching/cache.js';
import { createRedisCache } from '@taskgraph/federation-engine/internal/subgraphs/caching/redis-cache.js';
import { createConcurrencyLimit } from '@taskgraph/federation-engine/internal/subgraphs/concurrency-limit.js';
import type { SubgraphsSettings } from '@taskgraph/federation-engine/internal/subgraphs/subgraphs.js';
import type { RemotePlanner } from '@taskgraph/federation-engine/internal/supergraph/remote-planner.js';
import type { OverrideLabels } from '@taskgraph/federation-engine/internal/request/context.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';
import { ConfigError, timeRedis, type Degraded, type Health, type Log, type Metrics } from '@taskgraph/service-kit';
import { createAuthorization } from './admission/authorization.js';
import type { Policies } from './admission/policies.js';
import { subgraphKey, type GatewayConfig } from './config.js';
import { withClientInfo } from './identity/client-info.js';
import { withIdempotencyKey } from './idempotency-key.js';
import { toMissingViewer } from './identity/not-signed-in.js';
import { toClientInfoSigner } from './admission-settings.js';
import type { GatewayTelemetry, SupergraphTelemetry } from './telemetry.js';
import { withTraces } from './traces.js';

const MIB = 1024 * 1024;

/** What of the gateway the engine is built into. */
interface EngineSurroundings {
  readonly log: Log;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly telemetry: GatewayTelemetry;
  readonly subscriptionTelemetry: SubscriptionTelemetry;
  readonly policies: Policies;
  readonly overrideLabels: OverrideLabels;
  /** Whether this gateway verifies tokens itself. */
  readonly verifiesTokens: boolean;
  readonly isTraced: boolean;
  readonly remotePlanner?: RemotePlanner | undefined;
}

/** Says how the settings make the planner and the watch of the supergraph that several workers share. */
export function toPlannerHostOptions(
  config: GatewayConfig,
  { log, telemetry }: { readonly log: Log; readonly telemetry: SupergraphTelemetry },
): PlannerHostOptions {
  return {
    // Workers count what they take.
    supergraph: toSupergraphFile(config, (outcome) => outcome !== 'loaded' && telemetry.supergraphReloaded(outcome)),
    planner: toPlannerOptions(config, telemetry),
    maxPlanBytes: config.PLAN_CACHE_MIB * MIB,
    log,
  };
}

function toSupergraphFile(config: GatewayConfig, onReload: SupergraphTelemetry['supergraphReloaded']) {
  return {
    path: config.SUPERGRAPH_PATH,
    pollMs: config.SUPERGRAPH_POLL_MS,
    timeoutMs: config.SUPERGRAPH_LOAD_TIMEOUT_MS,
    onReload,
  };
}

function toPlannerOptions(config: GatewayConfig, telemetry: SupergraphTelemetry) {
  return {
    planTimeoutMs: config.PLAN_TIMEOUT_MS,
    loadTimeoutMs: config.SUPERGRAPH_LOAD_TIMEOUT_MS,
    maxWaiting: config.PLAN_MAX_WAITING,
    onRestart: () => telemetry.plannerRestarted(),
  };
}

/**
 * Says how the settings make the engine.
 *
 * @throws ConfigError when SUBGRAPH_CA_FILE names no certificates, or CLIENT_INFO_SECRET is missing
 */
export function toEngineOptions(config: GatewayConfig, surroundings: EngineSurroundings): EngineOptions {
  const { log, health, telemetry, policies } = surroundings;
  const signClientInfo = toClientInfoSigner(config);
  return {
    supergraph: toSupergraphFile(config, (outcome) => telemetry.supergraphReloaded(outcome)),
    log,
    subgraphs: toSubgraphsSettings(config),
    cache: openEntityCache(config, surroundings),
    operationTimeoutMs: config.OPERATION_TIMEOUT_MS,
    uploadTimeoutMs: config.UPLOAD_TIMEOUT_MS,
    introspection: config.introspection,
    limits: config.documentLimits,
    showsErrorMessages: config.showsErrorMessages,
    inside: {
      telemetry,
      health,
      authorization: () => createAuthorization({ policies, rejects: config.AUTHORIZATION_REJECT }),
      overrideLabels: surroundings.overrideLabels,
      missingViewer: toMissingViewer,
      operations: {
        maxBytes: config.PLAN_CACHE_MIB * MIB,
        maxWaiting: config.PLAN_MAX_WAITING,
        assumedListSize: config.ASSUMED_LIST_SIZE,
        isHopeless: policies.isHopeless,
        onPhase: (phase, durationMs) => telemetry.phaseEnded(phase, durationMs),
      },
      planner: toPlannerOptions(config, telemetry),
      remotePlanner: surroundings.remotePlanner,
      warmUpMs: config.SUPERGRAPH_WARM_UP_MS,
      onVersion({ requirements }) {
        if (!surroundings.verifiesTokens && requirements.byCoordinate.size > 0)
          log.warn('no JWKS_URL is set: subgraphs alone decide who is signed in and which scopes he has');
      },
      aroundFetches: (client) =>
        withIdempotencyKey(withClientInfo(surroundings.isTraced ? withTraces(client) : client, signClientInfo)),
      maxSubgraphErrors: config.SUBGRAPH_MAX_ERRORS,
      maxAnswerErrors: config.ANSWER_MAX_ERRORS,
      caching: {
        waitMs: config.ENTITY_CACHE_WAIT_MS,
        onLookup: (subgraph, hits, misses) => telemetry.entitiesLookedUp(subgraph, hits, misses),
      },
      sockets: {
        connectTimeoutMs: config.SUBGRAPH_TIMEOUT_MS,
        heartbeatMs: config.SUBSCRIPTION_HEARTBEAT_MS,
        maxMessageBytes: config.SUBGRAPH_MAX_ANSWER_BYTES,
      },
      subscriptions: {
        telemetry: surroundings.subscriptionTelemetry,
        runs: createConcurrencyLimit({ maxActive: config.SUBSCRIPTION_MAX_CONCURRENCY, maxWaiting: Infinity }),
        maxQueuedEvents: config.SUBSCRIPTION_MAX_QUEUED_EVENTS,
        retryMs: config.SUBSCRIPTION_RETRY_MS,
        stableMs: 3 * config.SUBGRAPH_TIMEOUT_MS,
        sharedScopes: config.SUBSCRIPTION_SHARED_SCOPES.split(',').map((scope) => scope.trim()),
        maxSubscriptions: config.SUBSCRIPTION_MAX,
        maxPerUser: config.SUBSCRIPTION_MAX_PER_USER,
        maxPerAddress: config.SUBSCRIPTION_MAX_PER_ADDRESS,
      },
    },
  };
}

function toSubgraphsSettings(config: GatewayConfig): SubgraphsSettings {
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
    // A fetch that were let in without a connection would wait for one behind the fetches before it, and nobody would take turns.
    maxConcurrency: config.SUBGRAPH_HTTP2
      ? config.SUBGRAPH_MAX_CONCURRENCY
      : Math.min(config.SUBGRAPH_MAX_CONCURRENCY, config.SUBGRAPH_MAX_CONNECTIONS),
    maxWaiting: config.SUBGRAPH_MAX_WAITING,
    maxUploads: config.SUBGRAPH_MAX_UPLOADS,
    maxUploadsPerUser: config.SUBGRAPH_MAX_UPLOADS_PER_USER,
    longestOperationMs: Math.max(config.OPERATION_TIMEOUT_MS, config.UPLOAD_TIMEOUT_MS),
  };
}

const READY_TIMEOUT_MS = 1_000;

/**
 * Asks a subgraph at `/health/ready` of its own address, where those of this project say whether what they need is there: one whose
 * database is away answers `{__typename}` all the same. Another answer than 503, or none, says nothing.
 *
 * @returns what it lacks, where it says that it lacks something
 * @throws when it says that it is not ready
 */
async function assertReady(url: string, signal: AbortSignal): Promise<Degraded | void> {
  // One that answers nothing at all to what it does not know is none of this project.
  const soon = AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT_MS)]);
  const response = await fetch(new URL('/health/ready', url), { signal: soon, redirect: 'manual' }).catch(() => null);
  if (!response) return;
  const { status } = response;
  const says = (await response.json().catch(() => null)) as { readonly status?: unknown } | null;
  if (status === 503) throw new Error('it answers, and says that it is not ready');
  if (says?.status === 'degraded') return { degraded: 'it says that it is degraded: its own /health tells why' };
}

/** Of this process, or where Redis is, of all gateways; null where nothing is kept. */
function openEntityCache(
  { ENTITY_CACHE_MIB, REDIS_URL }: GatewayConfig,
  { log, health, metrics }: Pick<EngineSurroundings, 'log' | 'health' | 'metrics'>,
): Cache | null {
  if (ENTITY_CACHE_MIB === 0) return null;
  if (REDIS_URL === undefined) return createMemoryCache({ maxBytes: ENTITY_CACHE_MIB * MIB });
  const cache = createRedisCache({
    url: REDIS_URL,
    prefix: 'taskgraph:gateway:',
    log,
    onClient: (client) => void timeRedis(client, metrics, 'entity cache'),
  });
  health.register('redis', () => cache.ping(), { critical: false });
  return cache;
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
