import type { Log } from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import { sweepInterrupted } from './service.js';

/** Cleans up after uploads that the end of a process has cut off. */
export interface InterruptedSweep {
  /** Sweeps, and from then on from time to time. */
  start(): Promise<void>;
  stop(): void;
}

const INTERVAL_MS = 10 * 60_000;
const NEXT_LOOK_MS = 10_000;

export function createInterruptedSweep({
  db,
  store,
  telemetry,
  log,
}: Pick<MediaContext, 'db' | 'store' | 'telemetry'> & { readonly log: Log }): InterruptedSweep {
  let interval: NodeJS.Timeout | undefined;
  let nextLook: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    try {
      const { count, isUnfinished } = await sweepInterrupted({ db, store });
      if (count > 0) telemetry.interruptedSwept(log, count);
      // What was cut off just now, perhaps by the end of the process before this one, is too young to be told from what is under way.
      clearTimeout(nextLook);
      if (isUnfinished) nextLook = setTimeout(() => void sweep(), NEXT_LOOK_MS).unref();
    } catch (error) {
      // The service is of use all the same, and the next time comes.
      log.warn({ err: error }, 'interrupted uploads could not be cleaned up');
    }
  }

  return {
    async start() {
      await sweep();
      interval = setInterval(() => void sweep(), INTERVAL_MS).unref();
    },
    stop() {
      clearTimeout(nextLook);
      clearInterval(interval);
    },
  };
}
