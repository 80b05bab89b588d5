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

export interface RetentionOptions {
  readonly db: RawSqlClient;
  readonly rules: readonly RetentionRule[];
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now?: () => number;
}

/** Of one statement: it ends within its time, and others wait for it only for a moment. */
const ROWS = 1_000;
/** Of one table in one run: what is left is for the next. */
const MAX_STATEMENTS = 100;
const DAY_MS = 24 * 60 * 60_000;

export const days = (count: number): number => count * DAY_MS;

/**
 * Deletes rows whose time is over, in statements of bounded size. Several processes may do so at once: each takes rows that no other has.
 *
 * @returns how many rows there were, by table
 */
export async function purge(
  { db, rules, now = Date.now }: Pick<RetentionOptions, 'db' | 'rules' | 'now'>,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { table, where, keepMs } of rules) {
    const statement = `
      DELETE FROM "${table}" WHERE ctid IN (
        SELECT ctid FROM "${table}" WHERE ${where} LIMIT ${ROWS} FOR UPDATE SKIP LOCKED)`;
    const before = new Date(now() - keepMs);
    for (let statements = 0; statements < MAX_STATEMENTS && !signal?.aborted; statements += 1) {
      const count = await db.$executeRawUnsafe(statement, before);
      counts[table] = (counts[table] ?? 0) + count;
      if (count < ROWS) break;
    }
  }
  return counts;
}

/** Purges from time to time, and tells how much that was. */
export function createRetentionWork(
  options: RetentionOptions & { readonly intervalMs: number; readonly firstAfterMs?: number },
): BackgroundWork {
  const { metrics, log } = options;
  const purged = metrics.counter('taskgraph_retention_purged_rows_total', 'Rows whose time was over, by table.', [
    'table',
  ]);
  return createBackgroundWork({
    name: 'retention',
    intervalMs: options.intervalMs,
    firstAfterMs: options.firstAfterMs ?? Math.min(options.intervalMs, 60_000),
    log,
    async work(signal) {
      const counts = await purge(options, signal);
      for (const [table, count] of Object.entries(counts)) purged.inc({ table }, count);
      if (Object.values(counts).some((count) => count > 0))
        log.info({ purged: counts }, 'rows whose time was over are gone');
      return null;
    },
  });
}
