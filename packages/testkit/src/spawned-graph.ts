import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withClient } from '@taskgraph/databases';
import pg from 'pg';
import { createCleanup, type Cleanup } from './cleanup.js';
import { chooseFreePorts } from './free-ports.js';
import { addLogSource } from './request-logs.js';
import { spawnService, type SpawnedService } from './service-process.js';
import { storedFiles } from './stored-files.js';
import { cloneDatabase, type TestDatabase } from './test-databases.js';

const SUBGRAPHS = ['auth', 'task', 'media'] as const;
const SERVICES = [...SUBGRAPHS, 'gateway'] as const;
export type SubgraphName = (typeof SUBGRAPHS)[number];
export type ServiceName = (typeof SERVICES)[number];

/** Short, so that a test that stops a process with requests in flight does not take long. */
const SHUTDOWN_GRACE_MS = 5_000;

export interface SpawnGraphOptions {
  /** Databases to use in place of fresh clones; they are not dropped. */
  readonly databases?: Partial<Readonly<Record<SubgraphName, TestDatabase>>>;
  /** Settings of all processes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of Node, for the gateway. */
  readonly gatewayFlags?: readonly string[];
}

export interface SpawnedGraph extends AsyncDisposable {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly databases: Readonly<Record<SubgraphName, TestDatabase>>;
  /** The data folder of all processes. */
  readonly dataDir: string;
  readonly pids: Readonly<Record<ServiceName, number>>;
  /** Sends a signal to a process and waits for its end. Returns its exit code, or the signal that ended it. */
  kill(name: ServiceName, signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Stops a process if it runs, starts it again on the same port and waits until it is ready. */
  restart(name: ServiceName): Promise<void>;
  /** Returns what the processes have logged, all or one. */
  logs(name?: ServiceName): readonly string[];
  /** Counts rows; `where` is SQL. */
  countRows(database: SubgraphName, table: string, where?: string): Promise<number>;
  /** Runs SQL on a database, to bring about what no operation does. */
  runSql(database: SubgraphName, sql: string, values?: readonly unknown[]): Promise<void>;
  /** Lists the files in the data folder, relative to it, but for mails: where there is no server for them, auth writes them there. */
  storedFiles(): Promise<string[]>;
  /** Stops all processes. @throws when one did not end by itself with exit code 0 */
  stop(): Promise<void>;
}

/** Starts the subgraphs and the gateway as built, each a process of its own, on free ports and fresh databases. */
export async function spawnGraph(options: SpawnGraphOptions = {}): Promise<SpawnedGraph> {
  const own = createCleanup();
  try {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-graph-'));
    own.add(() => rm(dataDir, { recursive: true, force: true }));
    const databases = await openDatabases(options, own);
    const ports = await chooseFreePorts(SERVICES.length);
    const urls = record(SERVICES, (_, index) => `http://127.0.0.1:${ports[index] as number}`);
    const env = {
      ...settingsOf(urls, databases),
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      // Stories and benchmarks come from one address, and as fast as they can.
      RATE_LIMITS: '0',
      // On a machine with busy neighbours too, what is uploaded is ready when it is answered.
      MEDIA_PROCESSING_WAIT_MS: '60000',
      SHUTDOWN_GRACE_MS: String(SHUTDOWN_GRACE_MS),
      TASKGRAPH_DATA_DIR: dataDir,
      ...options.settings,
    };
    const services = await spawnAll(urls, env, options.gatewayFlags);
    own.add(() => endAll(services));
    const removeLogs = addLogSource(() => services.flatMap(({ lines }) => lines));
    own.add(async () => removeLogs());
    const find = (name: ServiceName) => services.find((service) => service.name === name) as SpawnedService;

    return {
      urls,
      databases,
      dataDir,
      get pids() {
        return record(SERVICES, (name) => find(name).pid);
      },
      kill: (name, signal = 'SIGTERM') => find(name).end(signal),
      async restart(name) {
        await find(name).end('SIGTERM');
        await find(name).start();
      },
      logs: (name) => (name === undefined ? services.flatMap(({ lines }) => lines) : find(name).lines),
      countRows: (database, table, where = 'true') =>
        withClient(databases[database].url, async (client) => {
          const { rows } = await client.query<{ count: string }>(
            `SELECT count(*) FROM ${pg.escapeIdentifier(table)} WHERE ${where}`,
          );
          return Number(rows[0]?.count);
        }),
      runSql: (database, sql, values = []) =>
        withClient(databases[database].url, async (client) => {
          await client.query(sql, [...values]);
        }),
      storedFiles: async () => (await storedFiles(dataDir)).filter((name) => !name.startsWith(`mail${path.sep}`)),
      stop: () => own.run(),
      [Symbol.asyncDispose]: () => own.run(),
    };
  } catch (error) {
    // The first failure is the one to tell.
    await own.run().catch(() => undefined);
    throw error;
  }
}

async function openDatabases(options: SpawnGraphOptions, own: Cleanup): Promise<Record<SubgraphName, TestDatabase>> {
  async function open(name: SubgraphName): Promise<TestDatabase> {
    const given = options.databases?.[name];
    if (given) return given;
    const clone = await cloneDatabase(name);
    own.add(() => clone.drop());
    return clone;
  }
  const [auth, task, media] = await Promise.all([open('auth'), open('task'), open('media')]);
  return { auth, task, media };
}

/** `AUTH_PORT`, `AUTH_URL`, `AUTH_DATABASE_URL` and so on, and secrets that nobody knows. */
function settingsOf(
  urls: Readonly<Record<ServiceName, string>>,
  databases: Readonly<Record<SubgraphName, TestDatabase>>,
): Record<string, string> {
  const settings: Record<string, string> = {
    AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex'),
    CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
    MEDIA_URL_SECRET: randomBytes(32).toString('hex'),
    MEDIA_PUBLIC_URL: urls.media,
  };
  for (const name of SERVICES) {
    settings[`${name.toUpperCase()}_PORT`] = new URL(urls[name]).port;
    settings[`${name.toUpperCase()}_URL`] = urls[name];
  }
  for (const name of SUBGRAPHS) settings[`${name.toUpperCase()}_DATABASE_URL`] = databases[name].url;
  return settings;
}

async function spawnAll(
  urls: Readonly<Record<ServiceName, string>>,
  env: Readonly<Record<string, string>>,
  gatewayFlags: readonly string[] = [],
): Promise<SpawnedService[]> {
  const outcomes = await Promise.allSettled(
    SERVICES.map((name) =>
      spawnService({
        name,
        url: urls[name],
        env,
        ...(name === 'gateway'
          ? { entry: 'gateway/dist/main.js', nodeFlags: gatewayFlags }
          : { entry: `subgraphs/${name}/dist/main.js` }),
      }),
    ),
  );
  const services = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  if (failures.length === 0) return services;
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  throw new Error(failures.map(({ message }) => message).join('\n\n'), { cause: failures[0] });
}

/** Those that still run have to end cleanly: what a test killed is the test's business. */
async function endAll(services: readonly SpawnedService[]): Promise<void> {
  const running = services.filter((service) => service.running);
  const outcomes = await Promise.allSettled(
    running.map(async (service) => ({ service, code: await service.end('SIGTERM') })),
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    const { service, code } = outcome.value;
    if (code !== 0)
      throw new Error(`${service.name} ended with ${code} after SIGTERM. Its log:\n${service.lines.join('\n')}`);
  }
}

function record<Name extends string, Value>(
  names: readonly Name[],
  valueOf: (name: Name, index: number) => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name, index) => [name, valueOf(name, index)])) as Record<Name, Value>;
}
