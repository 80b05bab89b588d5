import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { checksumOf, type Migration } from './migration-folder.js';

/** A row of Prisma's `_prisma_migrations`. */
export interface HistoryRow {
  readonly id: string;
  readonly checksum: string;
  readonly name: string;
  readonly startedAt: Date;
  /** Null while it runs, and when it failed. */
  readonly finishedAt: Date | null;
  /** Set when a failed migration was declared as undone; such a row is history only. */
  readonly rolledBackAt: Date | null;
  readonly logs: string | null;
}

const UNDEFINED_TABLE = '42P01';

/** Lists all rows in the order in which they were applied, or null when the table does not exist. */
export async function listHistory(client: pg.Client): Promise<HistoryRow[] | null> {
  try {
    const { rows } = await client.query<HistoryRow>(
      `SELECT id, checksum, migration_name AS name, started_at AS "startedAt", finished_at AS "finishedAt",
              rolled_back_at AS "rolledBackAt", logs
         FROM _prisma_migrations
        ORDER BY started_at, migration_name`,
    );
    return rows;
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return null;
    throw error;
  }
}

/** Creates the table as Prisma's engine does, column by column. */
export async function ensureHistoryTable(client: pg.Client): Promise<void> {
  await client.query(`
    CREATE TABLE IF NOT EXISTS _prisma_migrations (
      id                  VARCHAR(36) PRIMARY KEY NOT NULL,
      checksum            VARCHAR(64) NOT NULL,
      finished_at         TIMESTAMPTZ,
      migration_name      VARCHAR(255) NOT NULL,
      logs                TEXT,
      rolled_back_at      TIMESTAMPTZ,
      started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
      applied_steps_count INTEGER NOT NULL DEFAULT 0
    )`);
}

/** Writes that a migration begins. Returns the row's id. */
export async function recordStart(client: pg.Client, migration: Migration): Promise<string> {
  const id = randomUUID();
  // The clock, not now(): that is when the transaction began, the same for all rows of it.
  await client.query(
    'INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at) VALUES ($1, $2, $3, clock_timestamp())',
    [id, checksumOf(migration.script), migration.name],
  );
  return id;
}

export async function recordFinish(client: pg.Client, id: string): Promise<void> {
  await client.query(
    'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
    [id],
  );
}

export async function recordFailure(client: pg.Client, id: string, logs: string): Promise<void> {
  await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, logs]);
}

/** Declares failed runs of a migration as undone. Tells whether there were any. */
export async function recordRolledBack(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'UPDATE _prisma_migrations SET rolled_back_at = clock_timestamp() WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL',
    [name],
  );
  return (rowCount ?? 0) > 0;
}

export async function removeRow(client: pg.Client, id: string): Promise<void> {
  await client.query('DELETE FROM _prisma_migrations WHERE id = $1', [id]);
}
