import type { OperationCacheOptions } from './compile/operation-cache.js';
import type { Authorization } from './compile/viewer-authorization.js';
import type { OperationCache } from './compile/operation-cache.js';
import type { Operation } from './compile/operation.js';
import type { DocumentLimits } from './compile/document/limits.js';
import type { AuthorizeHook } from './authorize-conditions.js';
import type { SubscriptionsOptions } from './live/subscriptions.js';
import type { UpstreamSocketsOptions } from './live/upstream-sockets.js';
import type { LabelFacts, OverrideLabels } from './request/context.js';
import type { Log } from './request/log.js';
import type { MissingViewer } from './request/missing-viewer.js';
import type { Cache } from './subgraphs/caching/cache.js';
import type { CachingOptions } from './subgraphs/caching/caching-client.js';
import type { FetchHook, HeaderTable } from './subgraphs/fetch-headers.js';
import type { FetchTelemetry } from './subgraphs/http-subgraph-client.js';
import type { SubgraphClient } from './subgraphs/subgraph-client.js';
import type { SubgraphHealth, SubgraphsSettings, SubgraphsTelemetry } from './subgraphs/subgraphs.js';
import type { PlannerThreadOptions } from './supergraph/planner-thread.js';
import type { SupergraphFile } from './supergraph/open-source.js';
import type { RemotePlanner } from './supergraph/remote-planner.js';
import type { Supergraph } from './supergraph/supergraph.js';

/** An operation that has just been planned. */
export interface PlannedOperation {
  readonly name: string | null;
  readonly type: Operation['type'];
  /** As people read it. */
  readonly plan: string;
  /** Of parsing, validating and planning. */
  readonly durationMs: number;
}

/** What a host adds. Nothing is done for a hook that is not there. */
export interface EngineHooks {
  /** Headers of fetches: a function, or a table of what is propagated, set and removed. */
  readonly onFetch?: FetchHook | HeaderTable;
  /** Told of each plan, once for each operation and version of the graph. */
  readonly onPlan?: (planned: PlannedOperation) => void;
  /**
   * Decides about one condition of `@authenticated`, `@requiresScopes` or `@policy`; what a viewer may not see is taken out of the
   * operation before it is planned, and answered null with an error. Without it, subgraphs decide.
   */
  readonly authorize?: AuthorizeHook;
  /** Names labels of progressive `@override` that hold for a request. */
  readonly overrideLabels?: (facts: LabelFacts) => Iterable<string>;
}

export interface EngineOptions extends EngineHooks {
  /**
   * The supergraph's SDL, or the file or the address that it is at: a new version is served when it is ready, one that cannot be served is
   * refused.
   */
  readonly supergraph: string | SupergraphFile;
  /** Nothing is logged without one. */
  readonly log?: Log;
  /** How subgraphs are reached. */
  readonly subgraphs?: Partial<SubgraphsSettings>;
  /** Keeps what subgraphs allow to be kept; null, which is the default, keeps nothing. */
  readonly cache?: Cache | null;
  /** Of one operation, as a whole. */
  readonly operationTimeoutMs?: number;
  readonly uploadTimeoutMs?: number;
  /** Whether questions about the schema are answered, and names that it does not have are helped with. */
  readonly introspection?: boolean;
  readonly limits?: Partial<DocumentLimits>;
  /** Whose messages clients read also where an error has no code that says something. */
  readonly showsErrorMessages?: (subgraph: string) => boolean;
  /** What a host that composes more of itself around the engine gives in the place of the engine's own. */
  readonly inside?: EngineInside;
}

/** For hosts that bring telemetry, health and admission of their own. */
export interface EngineInside {
  readonly telemetry?: FetchTelemetry & SubgraphsTelemetry;
  readonly health?: SubgraphHealth;
  readonly authorization?: (operations: () => OperationCache) => Authorization;
  readonly overrideLabels?: OverrideLabels;
  readonly missingViewer?: MissingViewer;
  readonly operations?: Partial<OperationCacheOptions>;
  readonly planner?: Partial<Omit<PlannerThreadOptions, 'log'>>;
  /** Plans, and gives the supergraph, in the place of a thread and a file of this process's own. */
  readonly remotePlanner?: Pick<RemotePlanner, 'planner' | 'source'> | undefined;
  readonly warmUpMs?: number;
  /** Called before a version takes traffic. @throws to refuse it */
  readonly onVersion?: (supergraph: Supergraph) => void;
  /** Called when another version has taken over. */
  readonly onSwap?: () => void;
  /** Put around what sends fetches, below the cache: what it adds is no part of what is kept. */
  readonly aroundFetches?: (client: SubgraphClient) => SubgraphClient;
  /** That are read of one answer of a subgraph; what is beyond is counted. */
  readonly maxSubgraphErrors?: number;
  /** That are told of one answer, or of one part of it; what is beyond is counted. */
  readonly maxAnswerErrors?: number;
  readonly caching?: Partial<Pick<CachingOptions, 'onLookup' | 'waitMs'>>;
  readonly sockets?: Partial<UpstreamSocketsOptions>;
  readonly subscriptions?: Partial<
    Pick<
      SubscriptionsOptions,
      | 'telemetry'
      | 'runs'
      | 'runTimeoutMs'
      | 'maxQueuedEvents'
      | 'retryMs'
      | 'stableMs'
      | 'sharedScopes'
      | 'maxSubscriptions'
      | 'maxPerUser'
      | 'maxPerAddress'
    >
  >;
}
