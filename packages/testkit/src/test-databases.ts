import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMigrator, silentLog, startCluster, withClient } from '@taskgraph/databases';
import pg from 'pg';

/** Names the server that test databases are cloned on. */
const TEST_POSTGRES_URL = 'TASKGRAPH_TEST_POSTGRES_URL';

const PRISMA_FOLDER = fileURLToPath(new URL('../../../prisma', import.meta.url));

/** A server that forgets everything at the end need not protect anything from a crash. */
const TEST_SERVER_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off',
};

export interface TestDatabases {
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL in a temporary folder, tells its URL through the environment and builds a template database for
 * each schema. A URL that is in the environment already is used as it is, with the templates built anew.
 */
export async function startTestDatabases(): Promise<TestDatabases> {
  const given = process.env[TEST_POSTGRES_URL];
  if (given) {
    await buildTemplates(given);
    return { stop: async () => undefined };
  }
  const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-test-'));
  // mkdtemp makes a folder for this user only; PostgreSQL may run as another.
  await chmod(parent, 0o755);
  const cluster = await startCluster({
    dataDir: path.join(parent, 'postgres'),
    persistent: false,
    log: { ...silentLog, warn: (message) => process.stderr.write(`${message}\n`) },
    serverSettings: TEST_SERVER_SETTINGS,
  });
  try {
    await buildTemplates(cluster.adminUrl);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  process.env[TEST_POSTGRES_URL] = cluster.adminUrl;
  return {
    async stop() {
      await cluster.stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

async function buildTemplates(adminUrl: string): Promise<void> {
  const entries = await readdir(PRISMA_FOLDER, { withFileTypes: true });
  const schemas = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  await Promise.all(schemas.map((name) => buildTemplate(adminUrl, name)));
}

async function buildTemplate(adminUrl: string, name: string): Promise<void> {
  const folder = path.join(PRISMA_FOLDER, name);
  if (!existsSync(path.join(folder, 'migrations'))) {
    throw new Error(`prisma/${name} has no migrations: npm run migrate -- ${name} create <name> writes them.`);
  }
  const template = templateName(name);
  await withClient(adminUrl, async (client) => {
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(template)} IS_TEMPLATE false`).catch(ignoreMissing);
    await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(template)} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${pg.escapeIdentifier(template)}`);
  });
  await createMigrator({ folder, url: urlOf(adminUrl, template) }).up();
  // A template with a connection on it cannot be cloned.
  await withClient(adminUrl, (client) =>
    client.query(`ALTER DATABASE ${pg.escapeIdentifier(template)} IS_TEMPLATE true ALLOW_CONNECTIONS false`),
  );
}

const UNDEFINED_DATABASE = '3D000';

function ignoreMissing(error: Error & { code?: string }): void {
  if (error.code !== UNDEFINED_DATABASE) throw error;
}

function templateName(name: string): string {
  return `template_${name}`;
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Drops it, open connections included. */
  drop(): Promise<void>;
}

/** Clones the migrated template of a schema (`auth`, `task`, `media`). Disposing drops the clone. */
export async function cloneDatabase(schema: string): Promise<TestDatabase> {
  return createDatabase(schema, templateName(schema));
}

/**
 * Gives the sessions of a database preferences that a server far away may have: a zone with summer time that is ahead of UTC by
 * an hour at least, and dates with the day first. A connection that is open keeps what it has.
 */
export async function preferForeignSessions({ name }: TestDatabase): Promise<void> {
  const database = pg.escapeIdentifier(name);
  await withClient(testServerUrl(), async (client) => {
    await client.query(`ALTER DATABASE ${database} SET timezone = 'Europe/Berlin'`);
    await client.query(`ALTER DATABASE ${database} SET datestyle = 'SQL, DMY'`);
  });
}

export type RowCounts = Readonly<Record<string, number>>;

/** Counts the rows of every table of a database. */
export async function countAllRows(url: string): Promise<RowCounts> {
  await using counter = await openRowCounter(url);
  return await counter.count();
}

export interface RowCounter extends AsyncDisposable {
  /** By table. */
  count(): Promise<RowCounts>;
}

/** Counts the rows of every table that a database has now, again and again, by one statement over one connection. */
export async function openRowCounter(url: string): Promise<RowCounter> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A server that goes away between two statements is reported by the next statement; unheard it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
  );
  const counts = tables.map(
    ({ name }) => `(SELECT count(*)::int FROM ${pg.escapeIdentifier(name)}) AS ${pg.escapeIdentifier(name)}`,
  );
  return {
    async count() {
      const { rows } = await client.query<RowCounts>({ name: 'count', text: `SELECT ${counts.join(', ')}` });
      return rows[0] ?? {};
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/**
 * Opens a pool on a database that is dropped when a test has ended. A connection that is being closed may still hear that: unheard it would
 * end the test that runs by then.
 */
export function openTestPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', () => undefined);
  return pool;
}

/** Creates an empty database. Disposing drops it. */
export async function createEmptyDatabase(prefix = 'empty'): Promise<TestDatabase> {
  return createDatabase(prefix, 'template0');
}

/** Tells the URL of the test server's maintenance database. */
export function testServerUrl(): string {
  const url = process.env[TEST_POSTGRES_URL];
  if (!url)
    throw new Error(
      `${TEST_POSTGRES_URL} is not set: this test needs the global setup packages/testkit/jest/global-setup.mjs.`,
    );
  return url;
}

async function createDatabase(prefix: string, template: string): Promise<TestDatabase> {
  const adminUrl = testServerUrl();
  const name = `${prefix}_${process.pid}_${randomBytes(4).toString('hex')}`;
  await withClient(adminUrl, async (client) => {
    await client
      .query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`)
      .catch((error: { code?: string }) => {
        if (error.code !== UNDEFINED_DATABASE) throw error;
        throw new Error(`There is no ${template}: there was no prisma/${prefix} when the tests began.`, {
          cause: error,
        });
      });
  });
  const drop = async () => {
    await withClient(adminUrl, (client) =>
      client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`),
    );
  };
  return { name, url: urlOf(adminUrl, name), drop, [Symbol.asyncDispose]: drop };
}
