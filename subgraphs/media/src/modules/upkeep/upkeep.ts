import { inTransaction, type Log } from '@taskgraph/service-kit';
import type { MediaTelemetry } from '../../telemetry.js';
import { deleteOrphans, ORPHANS_AT_ONCE } from './orphans.js';
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
  /** How long an item may be attached to nothing; null for as long as its uploader likes. */
  readonly orphanAgeMs: number | null;
}

export function createUpkeep({ telemetry, log, deletedRetentionMs, orphanAgeMs, ...parts }: UpkeepOptions): Upkeep {
  let interval: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    try {
      const orphans = orphanAgeMs === null ? 0 : await deleteAllOrphans(orphanAgeMs);
      const swept = await sweep(parts, { deletedRetentionMs });
      telemetry.sessionsExpired(swept.sessions);
      if (orphans > 0 || Object.values(swept).some((count) => count > 0)) telemetry.swept(log, { ...swept, orphans });
    } catch (error) {
      // The service is of use all the same, and the next time comes.
      log.warn({ err: error }, 'what was left behind could not be cleaned up');
    }
  }
  async function deleteAllOrphans(ageMs: number): Promise<number> {
    for (let count = 0; ;) {
      const deleted = await inTransaction(parts.db, (tx) => deleteOrphans(tx, ageMs));
      for (const { id } of deleted) telemetry.deleted(log, id);
      count += deleted.length;
      if (deleted.length < ORPHANS_AT_ONCE) return count;
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
