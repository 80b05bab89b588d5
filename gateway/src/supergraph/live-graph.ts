import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '@taskgraph/service-kit';
import { createOperationCache, type OperationCache, type OperationCacheOptions } from '../planning/operation-cache.js';
import { Refusal } from '../planning/refusal.js';
import type { PlannerThread } from './planner-thread.js';
import type { SupergraphSource } from './supergraph-source.js';
import { toSupergraph, type Supergraph } from './supergraph.js';

/** The graph that serves now; replaced as a whole when a new supergraph is ready. */
export interface LiveGraph {
  /** Loads the first supergraph. @throws when it cannot be read or served */
  start(): Promise<void>;
  readonly operations: () => OperationCache;
  close(): Promise<void>;
}

export interface LiveGraphOptions {
  readonly source: SupergraphSource;
  readonly planner: PlannerThread;
  readonly cache: OperationCacheOptions;
  readonly log: Log;
  /** Called before a version takes traffic. @throws to refuse it */
  readonly onVersion: (supergraph: Supergraph) => void;
  /** Called when another version has taken over. */
  readonly onSwap?: () => void;
}

/**
 * Keeps the graph loaded. Supergraphs are loaded, checked and planned for in the planner's thread; from what that tells of
 * one, this makes what the engine needs.
 *
 * A new version takes traffic when the operations in use have been compiled for it, one at a time between requests, so
 * that a reload costs no request a plan.
 */
export function createLiveGraph({ source, planner, cache, log, onVersion, onSwap }: LiveGraphOptions): LiveGraph {
  let current: OperationCache | null = null;
  let lastVersion = 0;

  async function adopt(text: string): Promise<void> {
    const version = (lastVersion += 1);
    const description = await planner.load(version, text);
    const supergraph = toSupergraph(description, (operation, operationName) =>
      planner.plan(version, operation, operationName),
    );
    onVersion(supergraph);
    const next = createOperationCache(supergraph, cache);
    if (current) await warmUp(next, current.recent());
    const isFirst = current === null;
    current = next;
    if (!isFirst) onSwap?.();
  }

  async function warmUp(next: OperationCache, recent: ReturnType<OperationCache['recent']>): Promise<void> {
    // The least recently used first, so that the order of use stays.
    for (const { text, operationName } of recent.reverse()) {
      try {
        await next.get(text, operationName);
      } catch (error) {
        if (!(error instanceof Refusal))
          log.warn({ err: error }, 'an operation cannot be planned for the new supergraph');
      }
      await nextTurn();
    }
  }

  return {
    start: () => source.start(adopt),
    operations() {
      if (!current) throw new Error('the graph is not loaded');
      return current;
    },
    async close() {
      await source.close();
      await planner.close();
    },
  };
}
