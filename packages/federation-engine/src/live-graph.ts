import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from './request/log.js';
import { createOperationCache, type OperationCache, type OperationCacheOptions } from './compile/operation-cache.js';
import { Refusal } from './request/refusal.js';
import type { GraphDescription } from './supergraph/planner/planner-messages.js';
import type { PlannerThread } from './supergraph/planner-thread.js';
import type { SupergraphSource } from './supergraph/supergraph-source.js';
import { toSupergraph, type Supergraph } from './supergraph/supergraph.js';

/** The graph that serves now; replaced as a whole when a new supergraph is ready. */
export interface LiveGraph {
  /** Loads the first supergraph. @throws when it cannot be read or served */
  start(): Promise<void>;
  readonly operations: () => OperationCache;
  /** As it was given. */
  readonly sdl: () => string;
  close(): Promise<void>;
}

interface LiveGraphOptions {
  readonly source: SupergraphSource;
  readonly planner: PlannerThread;
  readonly cache: OperationCacheOptions;
  readonly log: Log;
  /** For how long the operations in use may be compiled for a version before it takes traffic. */
  readonly warmUpMs: number;
  /** Called before a version takes traffic. @throws to refuse it */
  readonly onVersion: (supergraph: Supergraph) => void;
  /** Called in the moment in which a version begins to take traffic. */
  readonly onServe?: (supergraph: Supergraph) => void;
  /** Called when another version has taken over. */
  readonly onSwap?: () => void;
}

/**
 * Keeps the graph loaded. Supergraphs are loaded, checked and planned for in the planner's thread; from what that tells of
 * one, this makes what the engine needs.
 *
 * A new version takes traffic when the operations in use have been compiled for it, one at a time between requests, so
 * that a reload costs no request a plan; or when `warmUpMs` are over. Schema, plans and addresses change in one moment.
 */
export function createLiveGraph(options: LiveGraphOptions): LiveGraph {
  const { source, planner, cache, log, onVersion, onServe, onSwap } = options;
  let current: { readonly version: number; readonly operations: OperationCache; readonly text: string } | null = null;
  let lastVersion = 0;
  let closed = false;

  async function adopt(text: string): Promise<void> {
    const version = (lastVersion += 1);
    const description = await planner.load(version, text);
    const replaced = current;
    try {
      current = { version, operations: await prepare(version, description), text };
    } catch (error) {
      planner.release(version);
      throw error;
    }
    onServe?.(current.operations.supergraph);
    if (!replaced) return;
    // What was asked of it is planned still: nobody holds on to it between finding its operations and asking for a plan.
    planner.release(replaced.version);
    onSwap?.();
  }

  /** @throws when main cannot serve it */
  async function prepare(version: number, description: GraphDescription): Promise<OperationCache> {
    const supergraph = toSupergraph(description, (operation, operationName, labels, client) =>
      planner.plan(version, operation, operationName, labels, client),
    );
    onVersion(supergraph);
    const operations = createOperationCache(supergraph, cache);
    if (current) await warmUp(operations, current.operations.recent());
    if (closed) throw new Error('the graph is closed');
    return operations;
  }

  /** Compiles what has been asked for, the most recently used first, for as long as it may take. */
  async function warmUp(next: OperationCache, recent: ReturnType<OperationCache['recent']>): Promise<void> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), options.warmUpMs);
    const compiled: typeof recent = [];
    const compile = ({ text, operationName, labels }: (typeof recent)[number]) =>
      next.get(text, operationName, (label) => labels.includes(label));
    try {
      for (const asked of recent) {
        if (closed) return;
        if (over.signal.aborted) break;
        try {
          await unlessAborted(over.signal, Promise.resolve(compile(asked)));
          compiled.push(asked);
        } catch (error) {
          if (!over.signal.aborted && !(error instanceof Refusal))
            log.warn({ err: error }, 'an operation cannot be planned for the new supergraph');
        }
        await nextTurn();
      }
    } finally {
      clearTimeout(timer);
    }
    if (over.signal.aborted)
      log.warn(
        { compiled: compiled.length, of: recent.length },
        'the time to compile operations for the new supergraph is over',
      );
    // The order of use stays: what is known is touched once more, the least recently used first.
    for (const asked of compiled.reverse()) void Promise.resolve(compile(asked)).catch(() => undefined);
  }

  return {
    start: () => source.start(adopt),
    operations() {
      if (!current) throw new Error('the graph is not loaded');
      return current.operations;
    },
    sdl() {
      if (!current) throw new Error('the graph is not loaded');
      return current.text;
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

/** Waits for work, but no longer than until the signal aborts. @throws the signal's reason */
async function unlessAborted(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => undefined);
    aborted.catch(() => undefined);
  }
}
