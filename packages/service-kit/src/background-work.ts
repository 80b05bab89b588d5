import type { Log } from './log.js';

/** Work that a process does beside its requests. */
export interface BackgroundWork {
  /** Works, and from then on from time to time. */
  start(): void;
  /** There is something to do: works now, and not only when its time comes. */
  wake(): void;
  /** Begins nothing more, and waits for what is under way. */
  close(): Promise<void>;
}

interface BackgroundWorkOptions {
  /** For the log. */
  readonly name: string;
  /** Does what there is to do. Returns when to look again, where that is sooner than after the interval. */
  readonly work: (signal: AbortSignal) => Promise<number | null>;
  readonly intervalMs: number;
  /** Before it works for the first time; at once if absent. */
  readonly firstAfterMs?: number;
  readonly log: Log;
}

/** Works in the background, one part after the other. What fails is tried again when its time comes. */
export function createBackgroundWork({
  name,
  work,
  intervalMs,
  firstAfterMs = 0,
  log,
}: BackgroundWorkOptions): BackgroundWork {
  const stop = new AbortController();
  let running: Promise<void> | null = null;
  let woken = false;
  let stir: () => void = () => undefined;

  function untilTime(waitMs: number): Promise<void> {
    if (woken || stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, waitMs);
      function done() {
        clearTimeout(timer);
        stir = () => undefined;
        resolve();
      }
      stir = done;
    });
  }

  async function run(): Promise<void> {
    if (firstAfterMs > 0) await untilTime(firstAfterMs);
    while (!stop.signal.aborted) {
      woken = false;
      let waitMs = intervalMs;
      try {
        waitMs = (await work(stop.signal)) ?? intervalMs;
      } catch (error) {
        log.warn({ err: error, work: name }, 'work in the background has failed; it is tried again');
      }
      await untilTime(waitMs);
    }
  }

  return {
    start() {
      running ??= run();
    },
    wake() {
      woken = true;
      stir();
    },
    async close() {
      stop.abort();
      stir();
      await running;
    },
  };
}
