import type { Log } from '@taskgraph/service-kit';
import type { MediaTelemetry } from '../../telemetry.js';
import { sweep, type SweepParts } from './service.js';

/** Cleans up from time to time. */
export interface Upkeep {
  start(): void;
  /** Waits for what is under way. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 10 * 60_000;

export interface UpkeepOptions extends SweepParts {
  readonly telemetry: MediaTelemetry;
  readonly log: Log;
  readonly deletedRetentionMs: number;
}

export function createUpkeep({ telemetry, log, deletedRetentionMs, ...parts }: UpkeepOptions): Upkeep {
  let interval: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    try {
      const swept = await sweep(parts, { deletedRetentionMs });
      telemetry.sessionsExpired(swept.sessions);
      if (Object.values(swept).some((count) => count > 0)) telemetry.swept(log, swept);
    } catch (error) {
      // The service is of use all the same, and the next time comes.
      log.warn({ err: error }, 'what was left behind could not be cleaned up');
    }
  }
  const look = () => {
    underWay = underWay.then(run);
  };

  return {
    start() {
      look();
      interval = setInterval(look, INTERVAL_MS).unref();
    },
    async stop() {
      clearInterval(interval);
      await underWay;
    },
  };
}
