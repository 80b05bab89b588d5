import type pg from 'pg';
import type { ProgressLog } from '../progress-log.js';
import { MigrationError } from './migration-error.js';

/** The key that Prisma's engine locks with: its CLI and this runner wait for each other. */
const ADVISORY_LOCK_KEY = 72_707_369;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Takes the lock of this database's migrations; it ends with the connection.
 *
 * @throws MigrationError LOCK_TIMEOUT when another runner holds it longer than `waitMs`
 */
export async function lockMigrations(client: pg.Client, waitMs: number, log: ProgressLog): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    ADVISORY_LOCK_KEY,
  ]);
  if (rows[0]?.locked) return;
  log.info('another runner is migrating this database: waiting for it');
  try {
    await client.query(`SET lock_timeout = ${Math.trunc(waitMs)}`);
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK_KEY]);
    await client.query('RESET lock_timeout');
  } catch (error) {
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    throw new MigrationError(
      'LOCK_TIMEOUT',
      `Another runner has been migrating this database for more than ${waitMs / 1000} seconds.`,
      {
        cause: error,
        advice: `Wait for it to end. SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = ${ADVISORY_LOCK_KEY} tells its connection.`,
      },
    );
  }
}
