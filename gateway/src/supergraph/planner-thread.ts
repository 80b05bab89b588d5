import { Worker } from 'node:worker_threads';
import { AppError, type Log } from '@taskgraph/service-kit';
import type { GraphDescription, PlannerAnswer, PlannerRequest } from './planner-messages.js';

export interface PlannerThreadOptions {
  readonly log: Log;
  /** Of one plan: an operation that takes longer costs the planner its life, so that others are planned. */
  readonly planTimeoutMs: number;
  /** Plans that may wait for each other. */
  readonly maxWaiting: number;
  readonly onRestart: () => void;
}

/** The planner, in a thread of its own. */
export interface PlannerThread {
  /** @throws when the supergraph cannot be served; the one before goes on */
  load(version: number, supergraph: string): Promise<GraphDescription>;
  /** @throws when it cannot be planned; AppError UNAVAILABLE */
  plan(version: number, text: string, operationName: string | undefined): Promise<string>;
  close(): Promise<void>;
}

/** An operation that is too expensive to plan. */
export class PlanTooExpensive extends Error {}

/** Compiled code, also where this file runs as it is written. */
const ENTRY = new URL('../../dist/supergraph/planner-worker.js', import.meta.url);
const RETRY_AFTER_SECONDS = 1;

interface Pending {
  readonly request: PlannerRequest;
  readonly resolve: (answer: PlannerAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the thread. When it dies another one takes over, with the graph that was loaded last. */
export function createPlannerThread(options: PlannerThreadOptions): PlannerThread {
  const { log, planTimeoutMs, maxWaiting } = options;
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let loaded: { readonly version: number; readonly supergraph: string } | null = null;
  let closed = false;
  let worker = launch();
  /** Of the plan that is being made: plans are made one after the other. */
  let watch: { readonly id: number; readonly timer: NodeJS.Timeout } | null = null;

  function launch(): Worker {
    // The memory for young objects that the gateway is started with is for requests, not for plans.
    const started = new Worker(ENTRY, { execArgv: [], stderr: false });
    started.on('message', (answer: PlannerAnswer) => settle(answer));
    started.on('error', (error) => log.error({ err: error }, 'the planner has failed'));
    started.on('exit', () => {
      if (started === worker) replace(new AppError('UNAVAILABLE', 'The planner was restarted. Try again.'));
    });
    started.unref();
    return started;
  }

  /** @param reason what those are told that wait for plans */
  function replace(reason: Error): void {
    const lost = [...pending.values()];
    pending.clear();
    watchNext();
    if (closed) {
      for (const { reject } of lost) reject(new Error('the planner is closed'));
      return;
    }
    options.onRestart();
    worker = launch();
    if (loaded) void send({ kind: 'load', id: nextId(), ...loaded }).catch(() => undefined);
    for (const { request, resolve, reject } of lost) {
      // A load that was under way is sent again; plans are asked for again by whoever still wants them.
      if (request.kind === 'load') void send({ ...request, id: nextId() }).then(resolve, reject);
      else reject(reason);
    }
  }

  const nextId = () => (lastId += 1);

  function send(request: PlannerRequest): Promise<PlannerAnswer> {
    return new Promise((resolve, reject) => {
      pending.set(request.id, { request, resolve, reject });
      worker.ref();
      worker.postMessage(request);
      watchNext();
    });
  }

  function settle(answer: PlannerAnswer): void {
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if (pending.size === 0) worker.unref();
    watchNext();
    waiting?.resolve(answer);
  }

  /** Watches the plan that is being made now. */
  function watchNext(): void {
    const [next] = pending.values();
    if (watch && watch.id === next?.request.id) return;
    if (watch) clearTimeout(watch.timer);
    watch = null;
    if (next?.request.kind !== 'plan') return;
    const { id } = next.request;
    const timer = setTimeout(() => {
      pending.delete(id);
      next.reject(new PlanTooExpensive(`The operation cannot be planned within ${planTimeoutMs} ms.`));
      log.warn({ planTimeoutMs }, 'an operation takes too long to plan; the planner is restarted');
      void worker.terminate();
    }, planTimeoutMs);
    timer.unref();
    watch = { id, timer };
  }

  return {
    async load(version, supergraph) {
      const answer = await send({ kind: 'load', id: nextId(), version, supergraph });
      if (answer.kind !== 'loaded') throw new Error(answer.kind === 'failed' ? answer.message : 'not loaded');
      loaded = { version, supergraph };
      return answer.description;
    },
    async plan(version, text, operationName) {
      if (pending.size >= maxWaiting)
        throw new AppError('UNAVAILABLE', 'Too many new operations are being planned. Try again shortly.', {
          reason: 'OVERLOADED',
          extensions: { retryAfter: RETRY_AFTER_SECONDS },
        });
      const answer = await send({ kind: 'plan', id: nextId(), version, text, operationName });
      if (answer.kind !== 'planned') throw new Error(answer.kind === 'failed' ? answer.message : 'not planned');
      return answer.plan;
    },
    async close() {
      closed = true;
      await worker.terminate();
    },
  };
}
