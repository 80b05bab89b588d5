import { setTimeout as delay } from 'node:timers/promises';
import { databaseSession } from '@taskgraph/contracts';
import pg from 'pg';
import { DATABASES, type DatabaseName } from '../config.js';
import { CommandError } from '../terminal.js';

/** Long enough for a transaction that is under way, short enough that nobody gives up a request meanwhile. */
const LOCK_TIMEOUT_MS = 2_000;
const TRIES = 20;
const PAUSE_MS = 500;

export interface Snapshots extends AsyncDisposable {
  readonly takenAt: Date;
  /** Each in a transaction that sees the state of the one instant, until it is disposed of. */
  readonly clients: Readonly<Record<DatabaseName, pg.Client>>;
}

/**
 * Opens a snapshot of all databases at one instant: a transaction that tells other services of a change waits while it is taken, some
 * milliseconds beyond what is under way, so that no transaction of one has its counterpart only in another.
 *
 * @throws CommandError where transactions take too long, again and again
 */
export async function openSnapshots(urls: Readonly<Record<DatabaseName, string>>): Promise<Snapshots> {
  for (let tried = 1; ; tried += 1) {
    const opened: pg.Client[] = [];
    const open = async (name: DatabaseName) => {
      const client = await connect(urls[name]);
      opened.push(client);
      return client;
    };
    try {
      const lockers = await Promise.all(DATABASES.map(open));
      await Promise.all(lockers.map(lockWrites));
      const [auth, task, media] = (await Promise.all(DATABASES.map(open))) as [pg.Client, pg.Client, pg.Client];
      const clients = { auth, task, media };
      await Promise.all(Object.values(clients).map(beginSnapshot));
      const takenAt = new Date();
      await Promise.all(lockers.map((client) => client.end()));
      return {
        takenAt,
        clients,
        async [Symbol.asyncDispose]() {
          await Promise.all(Object.values(clients).map((client) => client.end()));
        },
      };
    } catch (error) {
      await Promise.all(opened.map((client) => client.end().catch(() => undefined)));
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      if (tried === TRIES)
        throw new CommandError(
          'The databases are never without a transaction that has written for seconds.',
          'Look for long ones (pg_stat_activity), and try again.',
        );
      await delay(PAUSE_MS * Math.random());
    }
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseSession(url),
    connectionTimeoutMillis: 10_000,
    application_name: 'taskgraph-backup',
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * Whatever another service hears of writes to the outbox in the same transaction, so a transaction that waits there has not committed. One
 * table, since with several a service could wait for the backup, which waits for that service.
 */
async function lockWrites(client: pg.Client): Promise<void> {
  await client.query('BEGIN');
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query('LOCK TABLE outbox IN SHARE MODE');
}

async function beginSnapshot(client: pg.Client): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // The first statement that reads takes it, not BEGIN (PostgreSQL, "Repeatable Read Isolation Level").
  await client.query('SELECT 1 FROM pg_class LIMIT 1');
}
