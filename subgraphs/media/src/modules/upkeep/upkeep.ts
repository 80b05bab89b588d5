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

/** Of the spools of this machine, where nothing else is swept. */
const SPOOLS_INTERVAL_MS = 10 * 60_000;

export interface UpkeepOptions extends SweepParts {
  readonly telemetry: MediaTelemetry;
  readonly log: Log;
  readonly deletedRetentionMs: number;
  /** How long an item may be attached to nothing; null for as long as its uploader likes. */
  readonly orphanAgeMs: number | null;
}

/** Cleans up once: what processes and clients left behind goes, and what can be restored no more. */
export async function cleanUp({
  telemetry,
  log,
  deletedRetentionMs,
  orphanAgeMs,
  ...parts
}: UpkeepOptions): Promise<Readonly<Record<string, number>>> {
  const orphans = orphanAgeMs === null ? 0 : await deleteAllOrphans(orphanAgeMs);
  const swept = await sweep(parts, { deletedRetentionMs });
  telemetry.sessionsExpired(swept.sessions);
  if (orphans > 0 || Object.values(swept).some((count) => count > 0)) telemetry.swept(log, { ...swept, orphans });
  return { ...swept, orphans };

  async function deleteAllOrphans(ageMs: number): Promise<number> {
    for (let count = 0; ;) {
      const deleted = await inTransaction(parts.db, (tx) => deleteOrphans(tx, ageMs));
      for (const { id } of deleted) telemetry.deleted(log, id);
      count += deleted.length;
      if (deleted.length < ORPHANS_AT_ONCE) return count;
    }
  }
}

/** @param options.intervalMs 0 sweeps nothing but spools of this machine, which nobody else reaches */
export function createUpkeep({ intervalMs, ...options }: UpkeepOptions & { readonly intervalMs: number }): Upkeep {
  const { log, spool } = options;
  let interval: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    try {
      await (intervalMs > 0 ? cleanUp(options) : spool.sweep());
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
      interval = setInterval(look, intervalMs > 0 ? intervalMs : SPOOLS_INTERVAL_MS).unref();
    },
    async stop() {
      clearInterval(interval);
      await underWay;
    },
  };
}
