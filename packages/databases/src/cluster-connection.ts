import { databaseSession } from '@taskgraph/contracts';
import pg from 'pg';

/** The one role of an embedded cluster. */
export const CLUSTER_USER = 'taskgraph';
export const CLUSTER_HOST = '127.0.0.1';

/** A PostgreSQL server that somebody runs, embedded or not. */
export interface ClusterConnection {
  /** Connects to the maintenance database, where databases are created from. */
  readonly adminUrl: string;
  readonly port: number;
  url(database: string): string;
  /** Creates a database unless it exists. Tells whether it created one. */
  ensureDatabase(name: string): Promise<boolean>;
}

export function connectionTo(port: number, password: string): ClusterConnection {
  const url = (database: string) =>
    `postgresql://${CLUSTER_USER}:${encodeURIComponent(password)}@${CLUSTER_HOST}:${port}/${encodeURIComponent(database)}`;
  const adminUrl = url('postgres');
  return { adminUrl, port, url, ensureDatabase: (name) => ensureDatabase(adminUrl, name) };
}

const DUPLICATE_DATABASE = '42P04';
/** The second of two creators may meet the first one's row in the catalogue's unique index instead. */
const UNIQUE_VIOLATION = '23505';

/** Creates a database on the server of `adminUrl` unless it exists. Tells whether it created one. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<boolean> {
  return withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return false;
    try {
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
      return true;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === DUPLICATE_DATABASE || code === UNIQUE_VIOLATION) return false;
      throw error;
    }
  });
}

/** Runs `work` on one connection, whose zone is UTC, and closes it. */
export async function withClient<Result>(
  connectionString: string,
  work: (client: pg.Client) => Promise<Result>,
  options: pg.ClientConfig = {},
): Promise<Result> {
  const client = new pg.Client({
    connectionString: databaseSession(connectionString),
    connectionTimeoutMillis: 10_000,
    ...options,
  });
  // A server that goes away between two statements is reported by the next statement; unheard it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
