import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '@taskgraph/service-kit';
import { createOperationCache, type OperationCache, type OperationCacheOptions } from '../planning/operation-cache.js';
import { Refusal } from '../planning/refusal.js';
import type { GraphDescription } from './planner-messages.js';
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
  let current: { readonly version: number; readonly operations: OperationCache } | null = null;
  let lastVersion = 0;
  let closed = false;

  async function adopt(text: string): Promise<void> {
    const version = (lastVersion += 1);
    const description = await planner.load(version, text);
    const replaced = current;
    try {
      current = { version, operations: await prepare(version, description) };
    } catch (error) {
      planner.release(version);
      throw error;
    }
    if (!replaced) return;
    // What was asked of it is planned still: nobody holds on to it between finding its operations and asking for a plan.
    planner.release(replaced.version);
    onSwap?.();
  }

  /** @throws when main cannot serve it */
  async function prepare(version: number, description: GraphDescription): Promise<OperationCache> {
    const supergraph = toSupergraph(description, (operation, operationName, labels) =>
      planner.plan(version, operation, operationName, labels),
    );
    onVersion(supergraph);
    const operations = createOperationCache(supergraph, cache);
    if (current) await warmUp(operations, current.operations.recent());
    if (closed) throw new Error('the graph is closed');
    return operations;
  }

  async function warmUp(next: OperationCache, recent: ReturnType<OperationCache['recent']>): Promise<void> {
    // The least recently used first, so that the order of use stays.
    for (const { text, operationName, labels } of recent.reverse()) {
      if (closed) return;
      try {
        await next.get(text, operationName, (label) => labels.includes(label));
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
      return current.operations;
    },
    async close() {
      closed = true;
      // What is under way ends with the planner.
      const ended = source.close();
      await planner.close();
      await ended;
    },
  };
}
