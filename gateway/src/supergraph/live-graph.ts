import { setImmediate as nextTurn } from 'node:timers/promises';
import { ApolloGateway } from '@apollo/gateway';
import type { Log } from '@taskgraph/service-kit';
import { createOperationCache, type OperationCache, type OperationCacheOptions } from '../planning/operation-cache.js';
import { Refusal } from '../planning/refusal.js';
import type { SupergraphSource } from './supergraph-source.js';
import { buildSupergraph, type Supergraph } from './supergraph.js';

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
 * Keeps the graph loaded. Apollo's gateway loads, checks and watches the supergraph; from its SDL this builds what the
 * engine needs.
 *
 * A new version takes traffic when the operations in use have been compiled for it, a few at a time between requests, so
 * that a reload costs no request a plan.
 */
export function createLiveGraph({ source, cache, log, onVersion, onSwap }: LiveGraphOptions): LiveGraph {
  let current: OperationCache | null = null;
  let latest: Supergraph | null = null;

  const apollo = new ApolloGateway({
    supergraphSdl: source.hook,
    // Apollo's executor is not used; it asks for its transport all the same.
    buildService: () => ({
      process: () => Promise.reject(new Error('fetches are sent by the engine')),
    }),
    logger: log,
  });
  apollo.onSchemaLoadOrUpdate(({ coreSupergraphSdl }) => {
    const supergraph = buildSupergraph(coreSupergraphSdl, source.requirements());
    onVersion(supergraph);
    latest = supergraph;
    const next = createOperationCache(supergraph, cache);
    if (!current) {
      current = next;
      return;
    }
    void warmUp(next, current.recent()).then(() => {
      // A still newer one may have come in the meantime.
      if (latest !== supergraph) return;
      current = next;
      onSwap?.();
    });
  });

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
