import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { ProgressLog } from '../progress-log.js';
import { MigrationError } from './migration-error.js';

/** The key that Prisma's engine locks with: its CLI and this runner wait for each other. */
const ADVISORY_LOCK_KEY = 72_707_369;
const POLL_MS = 200;

/**
 * Takes the lock of this database's migrations; it ends with the connection.
 *
 * A runner that waits asks again and again, in statements that end at once: one that waits in PostgreSQL holds a snapshot, and CREATE INDEX
 * CONCURRENTLY of the runner that has the lock waits for every snapshot that is older than its index. PostgreSQL would end one of the
 * two as a deadlock.
 *
 * @throws MigrationError LOCK_TIMEOUT when another runner holds it longer than `waitMs`
 */
export async function lockMigrations(client: pg.Client, waitMs: number, log: ProgressLog): Promise<void> {
  const deadline = performance.now() + waitMs;
  if (await tryLock(client)) return;
  log.info('another runner is migrating this database: waiting for it');
  while (performance.now() < deadline) {
    await delay(Math.min(POLL_MS, waitMs));
    if (await tryLock(client)) return;
  }
  throw new MigrationError(
    'LOCK_TIMEOUT',
    `Another runner has been migrating this database for more than ${waitMs / 1000} seconds.`,
    {
      advice: `Wait for it to end. SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${ADVISORY_LOCK_KEY} tells its connection.`,
    },
  );
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    ADVISORY_LOCK_KEY,
  ]);
  return rows[0]?.locked === true;
}
