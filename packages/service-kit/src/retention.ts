import { createBackgroundWork, type BackgroundWork } from './background-work.js';
import type { RawSqlClient } from './events/outbox.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

/** Rows of a table that are kept for a time, and no longer. */
export interface RetentionRule {
  /** A table. It is a label of the metric. */
  readonly table: string;
  /** SQL of rows whose time is over; `$1` is the moment before which that is so. */
  readonly where: string;
  readonly keepMs: number;
}

interface RetentionOptions {
  readonly db: RawSqlClient;
  readonly rules: readonly RetentionRule[];
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now?: () => number;
}

/** Of one statement: it ends within its time, and others wait for it only for a moment. */
const ROWS = 1_000;
/** Of one table in one run: what is left is for the next, which comes soon. */
const MAX_STATEMENTS = 100;
const AGAIN_MS = 10_000;
const DAY_MS = 24 * 60 * 60_000;

export const days = (count: number): number => count * DAY_MS;

/** What a run has done. */
interface PurgeOutcome {
  /** Rows, by table; of one that failed at once there is no count. */
  readonly counts: Readonly<Record<string, number>>;
  /** Tables that could not be purged, and why: they keep no other from it. */
  readonly faults: ReadonlyMap<string, unknown>;
  /** Whether there is more than one run takes. */
  readonly hasMore: boolean;
}

type Purge = Pick<RetentionOptions, 'db' | 'rules' | 'now'>;

/**
 * Deletes rows whose time is over, in statements of bounded size, table by table in the order of the rules. Several processes may do so at
 * once: each takes rows that no other has.
 */
export async function purge({ db, rules, now = Date.now }: Purge, signal?: AbortSignal): Promise<PurgeOutcome> {
  const counts: Record<string, number> = {};
  const faults = new Map<string, unknown>();
  let hasMore = false;
  for (const { table, where, keepMs } of rules) {
    const statement = `
      DELETE FROM "${table}" WHERE ctid IN (
        SELECT ctid FROM "${table}" WHERE ${where} LIMIT ${ROWS} FOR UPDATE SKIP LOCKED)`;
    const before = new Date(now() - keepMs);
    try {
      let count = ROWS;
      for (let statements = 0; count === ROWS && statements < MAX_STATEMENTS && !signal?.aborted; statements += 1) {
        count = await db.$executeRawUnsafe(statement, before);
        counts[table] = (counts[table] ?? 0) + count;
      }
      hasMore ||= count === ROWS;
    } catch (error) {
      faults.set(table, error);
    }
  }
  return { counts, faults, hasMore };
}

/** Counts rows whose time is over, and deletes none. */
export async function countOverdue({ db, rules, now = Date.now }: Purge): Promise<PurgeOutcome> {
  const counts: Record<string, number> = {};
  const faults = new Map<string, unknown>();
  for (const { table, where, keepMs } of rules)
    try {
      const [row] = await db.$queryRawUnsafe<Array<{ count: number }>>(
        `SELECT count(*)::float8 AS count FROM "${table}" WHERE ${where}`,
        new Date(now() - keepMs),
      );
      counts[table] = row?.count ?? 0;
    } catch (error) {
      faults.set(table, error);
    }
  return { counts, faults, hasMore: false };
}

/** Runs again as long as there is more than one run takes, but for tables that could not be purged. */
export async function purgeAll(options: Purge): Promise<PurgeOutcome> {
  const counts: Record<string, number> = {};
  for (;;) {
    const outcome = await purge(options);
    for (const [table, count] of Object.entries(outcome.counts)) counts[table] = (counts[table] ?? 0) + count;
    if (!outcome.hasMore) return { ...outcome, counts };
  }
}

/** Purges from time to time, and tells how much that was; with an interval of 0 it never does. */
export function createRetentionWork(
  options: RetentionOptions & { readonly intervalMs: number; readonly firstAfterMs?: number },
): BackgroundWork {
  const { metrics, log } = options;
  const purged = metrics.counter('taskgraph_retention_purged_rows_total', 'Rows whose time was over, by table.', [
    'table',
  ]);
  const failed = metrics.counter('taskgraph_retention_failures_total', 'Runs that could not purge a table, by table.', [
    'table',
  ]);
  // From zero: of a counter that begins with its first failure, that one is no growth.
  for (const { table } of options.rules) {
    purged.inc({ table }, 0);
    failed.inc({ table }, 0);
  }
  const work = createBackgroundWork({
    name: 'retention',
    intervalMs: options.intervalMs,
    firstAfterMs: options.firstAfterMs ?? Math.min(options.intervalMs, 60_000),
    log,
    async work(signal) {
      const { counts, faults, hasMore } = await purge(options, signal);
      for (const [table, count] of Object.entries(counts)) purged.inc({ table }, count);
      for (const [table, error] of faults) {
        failed.inc({ table });
        log.warn({ err: error, table }, 'rows whose time was over could not be deleted; it is tried again');
      }
      if (Object.values(counts).some((count) => count > 0))
        log.info({ purged: counts }, 'rows whose time was over are gone');
      return hasMore ? Math.min(AGAIN_MS, options.intervalMs) : null;
    },
  });
  return options.intervalMs > 0 ? work : { ...work, start: () => undefined };
}
