import { assertOptions } from './assert-options.js';
import { ADMIT_ALL, authorizeBy } from './authorize-conditions.js';
import type { Authorization } from './compile/viewer-authorization.js';
import type { OperationCache } from './compile/operation-cache.js';
import type { Operation } from './compile/operation.js';
import { planText } from './compile/plan/plan-text.js';
import type { EngineInside, EngineOptions } from './engine-options.js';
import { createClientErrors, type ClientErrors } from './execute/client-errors.js';
import { createLiveGraph } from './live-graph.js';
import { NO_SUBSCRIPTION_TELEMETRY } from './live/subscription-telemetry.js';
import { createSubscriptions, type Subscriptions } from './live/subscriptions.js';
import { createUpstreamSockets } from './live/upstream-sockets.js';
import type { OverrideLabels } from './request/context.js';
import { assertNoPromise } from './request/assert-no-promise.js';
import { SILENT, type Log } from './request/log.js';
import { missingViewer as SIGN_IN } from './request/missing-viewer.js';
import { boundCache } from './subgraphs/caching/bounded-cache.js';
import { createCachingClient } from './subgraphs/caching/caching-client.js';
import { createConcurrencyLimit } from './subgraphs/concurrency-limit.js';
import { readFetchHook, withFetchHeaders, type HeaderTable } from './subgraphs/fetch-headers.js';
import { createHttpSubgraphClient, type FetchTelemetry } from './subgraphs/http-subgraph-client.js';
import type { SubgraphClient } from './subgraphs/subgraph-client.js';
import {
  createSubgraphs,
  type Addressed,
  type Subgraphs,
  type SubgraphsSettings,
  type SubgraphsTelemetry,
} from './subgraphs/subgraphs.js';
import { openSource } from './supergraph/open-source.js';
import { createPlannerThread, type PlannerThread } from './supergraph/planner-thread.js';
import { createSharedPlanner, type SharedPlanner, type SharedPlannerOptions } from './supergraph/shared-planner.js';

/** What the engine is made of, for hosts that decide between compiling and running. */
export interface EngineParts {
  readonly operations: () => OperationCache;
  readonly authorization: Authorization;
  readonly overrideLabels: OverrideLabels;
  readonly client: SubgraphClient;
  readonly clientErrors: ClientErrors;
  readonly subscriptions: Subscriptions;
  readonly subgraphs: Subgraphs;
  /** The SDL of the version that serves. */
  readonly supergraphSdl: () => string;
  /** Loads the supergraph. @throws when it cannot be read or served */
  start(): Promise<void>;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
const SUBGRAPHS: SubgraphsSettings = {
  exchange: {},
  urlOf: () => undefined,
  adviceFor: (name) => `Give it one in \`subgraphs.urlOf\`: nothing is known of ${name} but its name.`,
  timeoutMs: () => 10_000,
  maxConnections: 256,
  maxConcurrency: 256,
  maxWaiting: 1_000,
  maxUploads: 32,
  maxUploadsPerUser: 6,
  longestOperationMs: 120_000,
};
export const DEFAULT_LIMITS = {
  maxTokens: 15_000,
  maxDepth: 100,
  maxDefinitions: 500,
  maxDirectives: 500,
  maxSelections: 10_000,
  maxAliases: 200,
  maxRootFields: 50,
  maxOverlap: 100_000,
};
const nothing = () => undefined;
const NO_TELEMETRY: FetchTelemetry & SubgraphsTelemetry = {
  startFetch: () => nothing,
  circuitJudged: nothing,
  subgraphGone: nothing,
  watchSubgraphs: nothing,
};
const NO_HEALTH = { register: nothing, unregister: nothing };

/**
 * Composes the engine, from the subgraphs up.
 *
 * @throws TypeError that names an option which cannot be meant
 */
export function createEngineParts(options: EngineOptions): EngineParts {
  assertOptions(options);
  const { supergraph, log = SILENT, onPlan, onFetch, inside = {} } = options;
  const { telemetry = NO_TELEMETRY, missingViewer = SIGN_IN } = inside;
  const { operationTimeoutMs = 30_000, uploadTimeoutMs = 120_000 } = options;
  const settings = withDefaults(SUBGRAPHS, options.subgraphs);

  // subgraphs
  const subgraphs = createSubgraphs({ settings, log, telemetry, health: inside.health ?? NO_HEALTH });
  const fetches = createHttpSubgraphClient({
    subgraph: (name, version) => subgraphs.get(name, version),
    telemetry,
    uploadTimeoutMs,
    maxErrors: inside.maxSubgraphErrors ?? 1_000,
  });
  const http = inside.aroundFetches?.(fetches) ?? fetches;
  const cache = options.cache ? boundCache(options.cache, log) : null;
  const keeping = cache
    ? createCachingClient({ cache, inner: http, onLookup: nothing, waitMs: 500, ...inside.caching })
    : http;
  const changeHeaders = onFetch && readFetchHook(onFetch);
  const client = changeHeaders ? withFetchHeaders(keeping, changeHeaders) : keeping;

  // supergraph, compile
  const { onCompiled } = inside.operations ?? {};
  const graph = createLiveGraph({
    source: inside.remotePlanner?.source ?? openSource(supergraph, log),
    planner: inside.remotePlanner?.planner ?? openPlanner(inside.planner, log),
    cache: {
      maxBytes: 30 * MIB,
      introspection: options.introspection ?? true,
      limits: withDefaults(DEFAULT_LIMITS, options.limits),
      ...inside.operations,
      onCompiled(durationMs, operation) {
        onCompiled?.(durationMs, operation);
        if (onPlan) tellPlan(onPlan, operation, durationMs, log);
      },
    },
    log,
    warmUpMs: inside.warmUpMs ?? 30_000,
    onVersion: (version) => {
      subgraphs.prepare(version);
      inside.onVersion?.(version);
    },
    onServe(version) {
      subgraphs.serve(version);
      if (typeof onFetch === 'object') tellUnknown(onFetch, version, log);
    },
    onSwap() {
      void subscriptions.refresh();
      inside.onSwap?.();
    },
  });
  const operations = () => graph.operations();

  // execute
  const { authorize, showsErrorMessages = () => false } = options;
  const authorization = inside.authorization?.(operations) ?? (authorize ? authorizeBy(authorize) : ADMIT_ALL);
  const overrideLabels = inside.overrideLabels ?? labelsBy(options.overrideLabels);
  const clientErrors = createClientErrors(showsBy(showsErrorMessages, log), {
    toMissingViewer: missingViewer,
    maxErrors: inside.maxAnswerErrors ?? 1_000,
  });

  // live
  const sockets = createUpstreamSockets({
    connectTimeoutMs: 10_000,
    heartbeatMs: 15_000,
    maxMessageBytes: 16 * MIB,
    ...inside.sockets,
  });
  const subscriptions = createSubscriptions({
    telemetry: NO_SUBSCRIPTION_TELEMETRY,
    runs: createConcurrencyLimit({ maxActive: 128, maxWaiting: Infinity }),
    runTimeoutMs: operationTimeoutMs,
    maxQueuedEvents: 100,
    retryMs: 60_000,
    stableMs: 30_000,
    sharedScopes: [],
    maxSubscriptions: 50_000,
    maxPerUser: 200,
    maxPerAddress: 1_000,
    ...inside.subscriptions,
    operations,
    overrideLabels,
    authorization,
    client,
    clientErrors,
    missingViewer,
    sockets,
    urlOf: (subgraph) => subgraphs.urlOf(subgraph),
    changeHeaders,
    log,
  });

  return {
    operations,
    authorization,
    overrideLabels,
    client,
    clientErrors,
    subscriptions,
    subgraphs,
    supergraphSdl: () => graph.sdl(),
    start: () => graph.start(),
    async close() {
      await graph.close();
      await sockets.close();
      await subgraphs.close();
      await cache?.close();
    },
  };
}

/** One planner, and one watch of the supergraph, for several processes whose engines have a `remotePlanner`. */
export function createPlannerHost({
  supergraph,
  planner,
  maxPlanBytes,
  log = SILENT,
}: PlannerHostOptions): SharedPlanner {
  return createSharedPlanner({
    source: openSource(supergraph, log),
    planner: openPlanner(planner, log),
    maxPlanBytes,
  });
}

export interface PlannerHostOptions
  extends Pick<EngineOptions, 'supergraph' | 'log'>, Pick<SharedPlannerOptions, 'maxPlanBytes'> {
  readonly planner?: EngineInside['planner'];
}

function openPlanner(options: EngineInside['planner'], log: Log): PlannerThread {
  return createPlannerThread({
    planTimeoutMs: 10_000,
    loadTimeoutMs: 60_000,
    maxWaiting: 1_000,
    onRestart: nothing,
    ...options,
    log,
  });
}

/** The hook is only told of a plan: its failure costs nobody the operation. */
function tellPlan(onPlan: NonNullable<EngineOptions['onPlan']>, operation: Operation, durationMs: number, log: Log) {
  const { name, type, plan } = operation;
  const told = async () => onPlan({ name, type, plan: planText(plan), durationMs });
  told().catch((error: unknown) => log.error({ err: error }, 'onPlan has failed'));
}

/** What is no clear yes shows nothing. */
function showsBy(hook: NonNullable<EngineOptions['showsErrorMessages']>, log: Log): (subgraph: string) => boolean {
  return (subgraph) => {
    try {
      const shows: unknown = hook(subgraph);
      assertNoPromise(shows, 'showsErrorMessages');
      return shows === true;
    } catch (error) {
      log.error({ err: error }, 'showsErrorMessages has failed');
      return false;
    }
  };
}

/** What is undefined is not there. */
function withDefaults<Settings extends object>(defaults: Settings, given: Partial<Settings> = {}): Settings {
  const there = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(there) as Partial<Settings>) };
}

/** No reason not to start: a version that is served later may have them. */
function tellUnknown({ subgraphs = {} }: HeaderTable, version: Addressed, log: Log): void {
  const unknown = Object.keys(subgraphs).filter((name) => !version.subgraphs.some((known) => known.name === name));
  if (unknown.length > 0)
    log.warn({ subgraphs: unknown }, 'onFetch has rules for subgraphs that the supergraph does not have');
}

/** Most operations have no label to ask for, so labels are named when the first is asked about. */
function labelsBy(hook: EngineOptions['overrideLabels']): OverrideLabels {
  if (!hook) return () => () => false;
  return (facts) => {
    let named: ReadonlySet<string> | undefined;
    const name = () => {
      const labels = hook(facts);
      assertNoPromise(labels, 'overrideLabels');
      return new Set(labels);
    };
    return (label) => (named ??= name()).has(label);
  };
}
