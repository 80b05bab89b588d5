import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Mail } from '@taskgraph/auth';
import { silentLog, type ProgressLog } from '@taskgraph/databases';
import { createMemoryEventBus, durableGroups, type Log } from '@taskgraph/service-kit';
import { openAppLog, type AppLog } from './app-log.js';
import { PEERS, type EmbeddedConfig, type ServiceName } from './config.js';
import { dataDirOf, prepareDataDir, wipeDataDir, type DataDir } from './data-dir.js';
import { DATABASES, migrateAll, settlePostgres, startPostgres } from './database.js';
import type { Flags } from './flags.js';
import { watchGround } from './ground.js';
import { acquireInstanceLock } from './instance-lock.js';
import type { LaunchError } from './launch-error.js';
import { reservePorts } from './ports.js';
import type { Progress } from './progress.js';
import { PLACEHOLDER_SECRETS, readOrCreateSecrets } from './secrets.js';
import { readServiceConfigs } from './service-configs.js';
import { JONAS, MARA } from './seed/demo-people.js';
import { assertNoOpenAccounts } from './seed/open-accounts.js';
import { openTraces } from './traces/open-traces.js';
import { loadServices, serviceEnv, serviceUrls, startServices } from './services.js';

const DEMO_ADDRESSES = new Set([MARA.email, JONAS.email]);

export interface SystemOptions {
  /** The repository. */
  readonly root: string;
  readonly config: EmbeddedConfig;
  readonly flags: Flags;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  /** Aborted when the person does not want to wait for the end of the start. */
  readonly signal: AbortSignal;
}

export interface System {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly dataDir: DataDir;
  readonly postgresPort: number;
  /** Where requests are shown; null without `--trace`. */
  readonly tracesUrl: string | null;
  readonly logFile: string;
  /** Of the launcher itself. */
  readonly log: Log;
  /** Says that everything runs, demo data included. */
  startIsOver(): void;
  /** Resolves when what everything stands on is gone: PostgreSQL has ended, or the data folder was removed. */
  readonly failed: Promise<LaunchError>;
  /** Stops the gateway first and PostgreSQL last. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts PostgreSQL, the subgraphs and the gateway in this process. What was started before something failed is stopped
 * again.
 *
 * @throws LaunchError and ConfigError for the person at the terminal; what `signal` was aborted with
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const undo: Array<() => Promise<void>> = [];
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= (async () => {
      for (const step of undo.reverse()) await step();
    })();
    return closing;
  };
  try {
    return { ...(await start(options, undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { root, config, flags, env, progress, signal }: SystemOptions,
  undo: Array<() => Promise<void>>,
): Promise<Omit<System, 'close'>> {
  const dataDir = dataDirOf(config.dataDir);
  assertServiceSettings(env, config, dataDir);
  await prepareDataDir(dataDir);
  const lock = await acquireInstanceLock(dataDir);
  undo.push(() => lock.release());
  if (lock.takenOver) progress.say('  The last run ended without tidying up; its lock is taken over.');
  const ports = await reservePorts(config);
  signal.throwIfAborted();

  if (flags.reset) {
    const wipe = async () => {
      await settlePostgres(dataDir, silentLog);
      await wipeDataDir(dataDir);
    };
    await progress.step('reset', wipe, () => 'accounts, tasks, pictures, logs and secrets are removed');
  }
  const log = await openLog(dataDir, { config, flags, progress });
  undo.push(() => log.close());
  const clusterLog = toProgressLog(log);
  const secrets = await readOrCreateSecrets(dataDir);
  signal.throwIfAborted();

  // Loading code keeps this process busy while PostgreSQL starts in its own.
  const loading = loadServices();
  loading.catch(() => undefined);
  const cluster = await progress.step(
    'PostgreSQL',
    () => startPostgres(dataDir, clusterLog),
    ({ port, created }) => `port ${port}${created ? ', a new cluster' : ''}`,
  );
  undo.push(() => cluster.stop());
  signal.throwIfAborted();
  await progress.step(
    'databases',
    () => migrateAll(root, cluster, clusterLog),
    (count) => `${DATABASES.join(', ')}: ${describeMigrations(count)}`,
  );
  if (config.isOpen && !config.seedDemo) await assertNoOpenAccounts(cluster, config.host);
  signal.throwIfAborted();

  const bus = createMemoryEventBus({ log: log.of('gateway').child({ service: 'events' }), groups: durableGroups() });
  undo.push(() => bus.close());
  const onMail = ({ to, subject, link }: Mail) => {
    // The demo people are made by nobody who would read what is sent to them meanwhile.
    const isOfSeeding = DEMO_ADDRESSES.has(to) && !existsSync(dataDir.seed);
    if (link !== null && !isOfSeeding) progress.say(`  A mail to ${to}, "${subject}": ${link}`);
  };
  const traces = flags.trace ? await openTraces(config.tracePort) : null;
  if (traces) undo.push(() => traces.close());
  // The explorer tells the passwords to everybody who reaches it: that is nobody but the people of this machine.
  const offersLogins = !config.isOpen && (seedsDemoData(flags, config) || existsSync(dataDir.seed));
  const services = await progress.step(
    'services',
    async () =>
      startServices(await loading, serviceEnv(env, { config, dataDir, ports, cluster, secrets }), {
        log,
        bus,
        onMail,
        tracing: traces && ((service) => traces.tracing(service)),
        stopped: flags.stopped,
        explorerLogins: offersLogins ? [MARA, JONAS] : [],
      }),
    (started) =>
      `${started.map(({ name }) => name).join(', ')}${flags.stopped.length > 0 ? `; left out: ${flags.stopped.join(', ')}` : ''}`,
  );
  undo.push(async () => {
    // In their order: the gateway stops taking requests before what answers them goes.
    for (const service of services) await service.close();
  });
  const urls = serviceUrls(config.host, ports);
  await lock.announce(`${urls.gateway}/graphql`);
  signal.throwIfAborted();
  warnOfIgnored(env, urls, progress);
  const failed = watchGround({ dataDir, cluster, whenOver: (step) => void undo.push(step) });
  return {
    urls,
    dataDir,
    postgresPort: cluster.port,
    tracesUrl: traces?.url ?? null,
    logFile: log.file,
    log: ownLog(log),
    startIsOver: () => log.startIsOver(),
    failed,
  };
}

/** Before anything is started, or even made: what the services would say of their settings. @throws ConfigError */
function assertServiceSettings(env: NodeJS.ProcessEnv, config: EmbeddedConfig, dataDir: DataDir): void {
  const cluster = { url: (name: string) => `postgresql://taskgraph@127.0.0.1/${name}` };
  readServiceConfigs(serviceEnv(env, { config, dataDir, ports: config.ports, cluster, secrets: PLACEHOLDER_SECRETS }));
}

/** Whether demo data are made, if that has not been done before. */
export function seedsDemoData(flags: Flags, config: EmbeddedConfig): boolean {
  return flags.stopped.length === 0 && (flags.seed ?? config.seedDemo);
}

function openLog(
  dataDir: DataDir,
  { config, flags, progress }: Pick<SystemOptions, 'config' | 'flags' | 'progress'>,
): Promise<AppLog> {
  return openAppLog(dataDir, {
    screenLevel: config.logLevel ?? (flags.output === 'verbose' ? 'info' : flags.output === 'quiet' ? 'error' : 'warn'),
    fileLevel: config.logLevel ?? 'info',
    isAskedFor: config.logLevel !== null || flags.output === 'verbose',
    show: (line) => progress.say(line),
    paint: progress.paint,
  });
}

/** PostgreSQL's own words go to the log as well; what has to be seen is in the errors that a start throws. */
function toProgressLog(log: AppLog): ProgressLog {
  const postgres = log.of('gateway').child({ service: 'postgres' });
  return {
    debug: (message) => postgres.debug(message),
    info: (message) => postgres.info(message),
    warn: (message) => postgres.warn(message),
  };
}

function describeMigrations(count: number): string {
  return count === 0 ? 'up to date' : `${count} ${count === 1 ? 'migration' : 'migrations'} applied`;
}

function ownLog(log: AppLog): Log {
  return log.of('gateway').child({ service: 'launcher' });
}

/** Somebody who has set where a database or a service is expects it to be used. */
function warnOfIgnored(env: NodeJS.ProcessEnv, urls: Readonly<Record<ServiceName, string>>, progress: Progress): void {
  const ignored = [
    ...DATABASES.map((name) => `${name.toUpperCase()}_DATABASE_URL`).filter((setting) => env[setting]),
    ...PEERS.filter((name) => ![undefined, '', urls[name]].includes(env[`${name.toUpperCase()}_URL`])).map(
      (name) => `${name.toUpperCase()}_URL`,
    ),
    ...(env['PUBSUB_PROJECT_ID'] ? ['PUBSUB_PROJECT_ID'] : []),
  ];
  if (ignored.length > 0)
    progress.say(
      `  ${ignored.join(', ')} ${ignored.length === 1 ? 'is' : 'are'} not used here: npm start brings its own PostgreSQL and services, and events stay in its process.`,
    );
}

/** Where `prisma/` lies. */
export const REPOSITORY = path.resolve(import.meta.dirname, '../..');
