import { Worker } from 'node:worker_threads';
import type { Log } from '../request/log.js';

interface RestartingWorkerOptions {
  readonly entry: URL;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Log;
  /** A thread runs that has been told nothing yet. */
  readonly onStart: () => void;
  readonly onMessage: (message: unknown) => void;
  /** Returns whether another thread is wanted now; without, the next `wake` starts one. */
  readonly onDeath: (death: Death) => boolean;
  readonly onRestart: () => void;
}

export interface Death {
  /** Null when the thread has been ended on purpose, which is no fault of what it was given. */
  readonly cause: Error | null;
  /** Until another one starts. */
  readonly pauseMs: number;
}

/** A thread that is started anew when it dies; one that dies again and again is left alone for longer each time. */
interface RestartingWorker {
  /** Starts it, unless it runs or has a pause. */
  wake(): void;
  /** Whether there is one to post to; not one that is being ended. */
  isUp(): boolean;
  /** How much longer it is left alone. */
  pauseMs(): number;
  /** To the thread that runs; lost when there is none. */
  post(message: unknown): void;
  /** Whether the process has to wait for it. */
  hold(isNeeded: boolean): void;
  /** Ends the thread, for another to take over at once. With a cause, as if it had died of that. */
  end(cause?: Error): void;
  close(): Promise<void>;
}

/** Of all three spaces of the thread's young generation together. */
const YOUNG_MIB = 12;
/** One death may be by chance: another thread starts at once. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** Since its first message; a thread that has lived as long dies for another reason than the one before. */
const STEADY_MS = 30_000;

export function createRestartingWorker(options: RestartingWorkerOptions): RestartingWorker {
  const { entry, log, onStart, onMessage, onDeath, onRestart } = options;
  let worker: Worker | null = null;
  /** Why it is being ended: null when it is not. */
  let ending: { readonly cause: Error | null } | null = null;
  let pause: { readonly timer: NodeJS.Timeout; readonly until: number } | null = null;
  let deaths = 0;
  let hasStarted = false;
  let closed = false;

  function start(): void {
    pause = null;
    ending = null;
    if (hasStarted) onRestart();
    hasStarted = true;
    let fault: Error | null = null;
    let steadySince = Infinity;
    try {
      worker = new Worker(entry, {
        execArgv: [],
        env: { ...options.env },
        stderr: false,
        // The memory for young objects that the process is started with is for requests, not for plans.
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
      });
    } catch (error) {
      died(error as Error, false);
      return;
    }
    worker.on('message', (message: unknown) => {
      if (steadySince === Infinity) steadySince = performance.now() + STEADY_MS;
      onMessage(message);
    });
    worker.on('error', (error: Error) => (fault = error));
    worker.on('exit', (code) =>
      died(ending ? ending.cause : (fault ?? new Error(`it ended with code ${code}`)), performance.now() > steadySince),
    );
    worker.unref();
    onStart();
  }

  function died(cause: Error | null, wasSteady: boolean): void {
    worker = null;
    if (closed) return;
    let pauseMs = 0;
    if (cause) {
      deaths = wasSteady ? 1 : deaths + 1;
      if (deaths > 1) pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (deaths - 2));
      log.error({ err: cause, deaths, pauseMs }, 'the planner has failed');
    }
    if (!onDeath({ cause, pauseMs })) return;
    if (pauseMs === 0) wake();
    else pause = { timer: setTimeout(start, pauseMs), until: performance.now() + pauseMs };
  }

  function wake(): void {
    if (!worker && !pause && !closed) start();
  }

  return {
    wake,
    isUp: () => worker !== null && !ending,
    pauseMs: () => (pause ? Math.max(0, pause.until - performance.now()) : 0),
    post: (message) => worker?.postMessage(message),
    hold(isNeeded) {
      if (isNeeded) worker?.ref();
      else worker?.unref();
    },
    end(cause) {
      if (!worker || ending) return;
      ending = { cause: cause ?? null };
      void worker.terminate();
    },
    async close() {
      closed = true;
      if (pause) clearTimeout(pause.timer);
      await worker?.terminate();
    },
  };
}
