import type { Mail, Mailer } from '@taskgraph/auth';
import type { Cluster } from '@taskgraph/databases';
import {
  createMemoryLiveFeed,
  loopbackOf,
  reachableHost,
  type EventBus,
  type EventTransport,
  type LiveFeed,
  type ServiceProcess,
  type Tracing,
} from '@taskgraph/service-kit';
import type { AppLog } from './app-log.js';
import { PEERS, SERVICES, type EmbeddedConfig, type PeerName, type ServiceName } from './config.js';
import { DATABASES } from './database.js';
import type { DataDir } from './data-dir.js';
import { LaunchError } from './launch-error.js';
import type { DemoPerson } from './seed/demo-people.js';
import type { StartSecrets } from './secrets.js';
import { readServiceConfigs } from './service-configs.js';

/** What one person needs; each may be set otherwise. All services share one event loop: what keeps one busy keeps all waiting. */
const SMALL = {
  NODE_ENV: 'development',
  DB_POOL_MAX: '5',
  SHUTDOWN_GRACE_MS: '10000',
  PLAN_CACHE_MIB: '10',
  SUBGRAPH_TIMEOUT_MS: '30000',
  PEER_TIMEOUT_MS: '30000',
  DB_CONNECT_TIMEOUT_MS: '30000',
  PASSWORD_CHECK_TIMEOUT_MS: '30000',
};

export interface ServiceEnvOptions {
  readonly config: EmbeddedConfig;
  readonly dataDir: DataDir;
  readonly ports: Readonly<Record<ServiceName, number>>;
  /** Where databases are: known once PostgreSQL runs. */
  readonly cluster: Pick<Cluster, 'url'>;
  readonly secrets: StartSecrets;
}

/** The environment that each service reads its configuration from: what the launcher knows, and what the person has set. */
export function serviceEnv(
  env: NodeJS.ProcessEnv,
  { config, dataDir, ports, cluster, secrets }: ServiceEnvOptions,
): NodeJS.ProcessEnv {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const urls = serviceUrls(config.host, ports);
  return {
    ...SMALL,
    ...secrets,
    MEDIA_PUBLIC_URL: `http://${reachableHost(config.host)}:${ports.media}`,
    // There is no other page of the application that is known here.
    APP_URL: `http://${reachableHost(config.host)}:${ports.gateway}`,
    USAGE_DIR: dataDir.usage,
    ...given,
    // All are started here: what is set for processes that find each other elsewhere is not meant.
    ...Object.fromEntries(PEERS.map((name) => [`${name.toUpperCase()}_URL`, urls[name]])),
    // Each of them has a name of its own in traces.
    OTEL_SERVICE_NAME: '',
    // The log decides what is shown; the services' own level would only keep lines from it.
    LOG_LEVEL: 'trace',
    HOST: config.host,
    TASKGRAPH_DATA_DIR: dataDir.folder,
    ...Object.fromEntries(SERVICES.map((name) => [`${name.toUpperCase()}_PORT`, String(ports[name])])),
    ...Object.fromEntries(DATABASES.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, cluster.url(name)])),
  };
}

export function serviceUrls(host: string, ports: Readonly<Record<ServiceName, number>>): Record<ServiceName, string> {
  const url = (name: ServiceName) => `http://${loopbackOf(host)}:${ports[name]}`;
  return { gateway: url('gateway'), auth: url('auth'), task: url('task'), media: url('media') };
}

export type ServiceModules = Awaited<ReturnType<typeof loadServices>>;

/** Loads the code of all services: most of the time that a start takes, so it runs while PostgreSQL starts. */
export async function loadServices() {
  const [auth, task, media, gateway] = await Promise.all([
    import('@taskgraph/auth'),
    import('@taskgraph/task'),
    import('@taskgraph/media'),
    import('@taskgraph/gateway'),
  ]);
  return { auth, task, media, gateway };
}

export interface StartOptions {
  readonly log: AppLog;
  readonly bus: EventBus;
  /** Opens the tracing of a service; null leaves it to the settings. */
  readonly tracing: ((service: ServiceName) => Promise<Tracing>) | null;
  /** Told of each mail that was written to a file. */
  readonly onMail: (mail: Mail) => void;
  /** Those that are left out. */
  readonly stopped: readonly PeerName[];
  /** Accounts that the explorer offers to everybody who opens it. */
  readonly explorerLogins: readonly DemoPerson[];
}

/**
 * Creates all four services and lets them listen, all at once: none needs another in order to start.
 *
 * @returns in the order in which they are to be closed
 * @throws ConfigError with the faults of all services; LaunchError when one does not start
 */
export async function startServices(
  modules: ServiceModules,
  env: NodeJS.ProcessEnv,
  { log, bus, onMail, tracing, stopped, explorerLogins }: StartOptions,
): Promise<ServiceProcess[]> {
  const { auth, task, media, gateway } = modules;
  const configs = readServiceConfigs(env);
  const feed = createMemoryLiveFeed();
  const transport = transportOf(bus, feed);
  const mailer = tellingMailer(auth.openMailer(configs.auth, log.of('auth')), configs.auth.SMTP_URL ? null : onMail);
  const traced = async (name: ServiceName) => (tracing ? { tracing: await tracing(name) } : {});
  const [forGateway, forAuth, forTask, forMedia] = await Promise.all([
    traced('gateway'),
    traced('auth'),
    traced('task'),
    traced('media'),
  ]);
  const creators: Record<ServiceName, () => Promise<ServiceProcess>> = {
    gateway: () =>
      gateway.createGateway(configs.gateway, {
        log: log.of('gateway'),
        bus,
        feed,
        explorerLogins: explorerLogins.map(({ displayName: name, email, password }) => ({ name, email, password })),
        ...forGateway,
      }),
    auth: () => auth.createAuthSubgraph(configs.auth, { log: log.of('auth'), transport, mailer, ...forAuth }),
    task: () => task.createTaskSubgraph(configs.task, { log: log.of('task'), transport, ...forTask }),
    media: () => media.createMediaSubgraph(configs.media, { log: log.of('media'), transport, ...forMedia }),
  };
  const starts = SERVICES.filter((name) => !stopped.some((one) => one === name)).map(
    (name) => [name, creators[name]()] as const,
  );
  const outcomes = await Promise.allSettled(starts.map(async ([name, created]) => listen(name, await created)));
  const services = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failure) return services;
  await Promise.all(services.map((service) => service.close()));
  throw failure.reason;
}

/** Where no server takes mails, nobody would find the links in them. */
function tellingMailer(mailer: Mailer, onMail: StartOptions['onMail'] | null): Mailer {
  return {
    ...mailer,
    async send(mail) {
      await mailer.send(mail);
      onMail?.(mail);
    },
  };
}

/** Events stay in this process. Bus and feed are for all services: the bus is closed by its maker, and the feed holds nothing. */
function transportOf(bus: EventBus, feed: LiveFeed): EventTransport {
  return { bus, feed, close: async () => undefined };
}

async function listen(name: ServiceName, service: ServiceProcess): Promise<ServiceProcess> {
  try {
    await service.listen();
    return service;
  } catch (cause) {
    await service.close();
    const { code, message } = cause as NodeJS.ErrnoException;
    // It was free a moment ago.
    const why = code === 'EADDRINUSE' ? 'another program has just taken its port' : message;
    throw new LaunchError(`The ${name} service cannot listen: ${why}.`, ['Start again.'], { cause });
  }
}
