import { setImmediate as nextTurn } from 'node:timers/promises';
import { ApolloGateway } from '@apollo/gateway';
import type { QueryPlanner } from '@apollo/query-planner';
import type { Log } from '@taskgraph/service-kit';
import { createOperationCache, type OperationCache, type OperationCacheOptions } from '../planning/operation-cache.js';
import { Refusal } from '../planning/refusal.js';
import type { PreparedSupergraph } from './prepared-supergraph.js';
import type { SupergraphSource } from './supergraph-source.js';
import { PLANNER_CONFIG, toSupergraph, type Supergraph } from './supergraph.js';

/** The graph that serves now; replaced as a whole when a new supergraph is ready. */
export interface LiveGraph {
  /** Loads the first supergraph. @throws when it cannot be read or served */
  start(): Promise<void>;
  readonly operations: () => OperationCache;
  close(): Promise<void>;
}

export interface LiveGraphOptions {
  readonly source: SupergraphSource;
  readonly cache: OperationCacheOptions;
  readonly log: Log;
  /** Called before a version takes traffic. @throws to refuse it */
  readonly onVersion: (supergraph: Supergraph) => void;
  /** Called when another version has taken over. */
  readonly onSwap?: () => void;
}

/**
 * Keeps the graph loaded. Apollo's gateway loads, checks and watches the supergraph and builds its planner; this adds what
 * the engine needs.
 *
 * A new version takes traffic when the operations in use have been compiled for it, one at a time between requests, so
 * that a reload costs no request a plan. What cannot be cut into pieces is the planner: nothing else is done in its turn of
 * the event loop.
 */
export function createLiveGraph({ source, cache, log, onVersion, onSwap }: LiveGraphOptions): LiveGraph {
  let current: OperationCache | null = null;
  let latest: Supergraph | null = null;

  const apollo = new ApolloGateway({
    supergraphSdl: source.hook,
    queryPlannerConfig: PLANNER_CONFIG,
    validateSupergraph: true,
    // Apollo's executor is not used; it asks for its transport all the same.
    buildService: () => ({
      process: () => Promise.reject(new Error('fetches are sent by the engine')),
    }),
    logger: log,
  });
  apollo.onSchemaLoadOrUpdate(() => {
    const planner = plannerOf(apollo);
    const prepared = source.prepared();
    if (!current) {
      current = adopt(planner, prepared);
      return;
    }
    void replace(planner, prepared).catch((error: unknown) =>
      log.error({ err: error }, 'the new supergraph cannot be served; the one before goes on'),
    );
  });

  function adopt(planner: QueryPlanner, prepared: PreparedSupergraph): OperationCache {
    const supergraph = toSupergraph(planner, prepared);
    onVersion(supergraph);
    latest = supergraph;
    return createOperationCache(supergraph, cache);
  }

  async function replace(planner: QueryPlanner, prepared: PreparedSupergraph): Promise<void> {
    await nextTurn();
    // A still newer one may have come in the meantime, here and below.
    if (plannerOf(apollo) !== planner || !current) return;
    const next = adopt(planner, prepared);
    await warmUp(next, current.recent());
    if (latest !== next.supergraph) return;
    current = next;
    onSwap?.();
  }

  async function warmUp(next: OperationCache, recent: ReturnType<OperationCache['recent']>): Promise<void> {
    // The least recently used first, so that the order of use stays.
    for (const { text, operationName } of recent.reverse()) {
      if (latest !== next.supergraph) return;
      try {
        next.get(text, operationName);
      } catch (error) {
        if (!(error instanceof Refusal))
          log.warn({ err: error }, 'an operation cannot be planned for the new supergraph');
      }
      await nextTurn();
    }
  }

  return {
    async start() {
      await apollo.load();
      if (!current) throw new Error('the supergraph was not loaded');
    },
    operations() {
      if (!current) throw new Error('the graph is not loaded');
      return current;
    },
    close: () => apollo.stop(),
  };
}

/**
 * The planner is a private member of Apollo's gateway. Another one for the engine would take as much memory, and as long to
 * build, again; the version of the package is exact, and one that keeps its planner elsewhere does not start.
 */
function plannerOf(apollo: ApolloGateway): QueryPlanner {
  const { queryPlanner } = apollo as unknown as { queryPlanner?: QueryPlanner };
  if (typeof queryPlanner?.buildQueryPlan !== 'function')
    throw new Error('this version of @apollo/gateway has no planner where the engine looks for it');
  return queryPlanner;
}
