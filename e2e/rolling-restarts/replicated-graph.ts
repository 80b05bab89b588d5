import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  chooseFreePorts,
  cloneDatabase,
  createCleanup,
  spawnService,
  startPubSubEmulator,
  startRedisServer,
  type SpawnedService,
  type TestDatabase,
} from '@taskgraph/testkit';
import { startHaproxy, type LoadBalancer } from './haproxy.js';

const SUBGRAPHS = ['auth', 'task', 'media'] as const;
export const SERVICES = [...SUBGRAPHS, 'gateway'] as const;
type Service = (typeof SERVICES)[number];

export const REPLICAS = 2;
/** Much longer than HAProxy takes to see that a replica is not ready. */
const DRAIN_MS = 3_000;

export interface ReplicatedGraph extends AsyncDisposable {
  readonly gatewayUrl: string;
  readonly databases: Readonly<Record<(typeof SUBGRAPHS)[number], TestDatabase>>;
  /** Stops a replica as an orchestrator does, starts it again and waits until it gets requests. Returns its exit code. */
  restart(service: Service, replica: number): Promise<number | NodeJS.Signals>;
  readonly logs: () => readonly string[];
}

/** Starts two of each process behind HAProxy, which also stands between them, with PostgreSQL, Redis and Google's Pub/Sub emulator. */
export async function startReplicatedGraph(): Promise<ReplicatedGraph> {
  const own = createCleanup();
  const use = <Started extends AsyncDisposable>(started: Started): Started => {
    own.add(async () => started[Symbol.asyncDispose]());
    return started;
  };
  try {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-replicas-'));
    own.add(() => rm(dataDir, { recursive: true, force: true }));
    const redis = use(await startRedisServer());
    const pubsub = use(await startPubSubEmulator());
    const [auth, task, media] = [
      use(await cloneDatabase('auth')),
      use(await cloneDatabase('task')),
      use(await cloneDatabase('media')),
    ];
    const databases = { auth, task, media };
    const ports = await chooseFreePorts(SERVICES.length * REPLICAS);
    const portOf = (service: Service, replica: number) => ports[SERVICES.indexOf(service) * REPLICAS + replica];
    const addresses = Object.fromEntries(
      SERVICES.map((service) => [
        service,
        Array.from({ length: REPLICAS }, (_, replica) => `http://127.0.0.1:${portOf(service, replica)}`),
      ]),
    );
    const balancer = use(await startHaproxy(addresses));
    const env = {
      HOST: '127.0.0.1',
      LOG_LEVEL: 'info',
      RATE_LIMITS: '0',
      TASKGRAPH_DATA_DIR: dataDir,
      SHUTDOWN_DRAIN_MS: String(DRAIN_MS),
      SHUTDOWN_GRACE_MS: '10000',
      AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex'),
      CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
      MEDIA_URL_SECRET: randomBytes(32).toString('hex'),
      MEDIA_PUBLIC_URL: balancer.urls['media'] ?? '',
      REDIS_URL: redis.url,
      PUBSUB_PROJECT_ID: 'taskgraph-replicas',
      PUBSUB_EMULATOR_HOST: pubsub.host,
      // Slow is not down, on a machine where all of this runs at once.
      SUBGRAPH_TIMEOUT_MS: '60000',
      OPERATION_TIMEOUT_MS: '90000',
      PEER_TIMEOUT_MS: '60000',
      DB_CONNECT_TIMEOUT_MS: '60000',
      ...Object.fromEntries(SUBGRAPHS.map((name) => [`${name.toUpperCase()}_URL`, balancer.urls[name] ?? ''])),
      ...Object.fromEntries(SUBGRAPHS.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, databases[name].url])),
    };
    const running = new Map<string, SpawnedService>();
    own.add(async () => {
      await Promise.all([...running.values()].map((service) => service.end('SIGKILL')));
    });
    for (const service of SERVICES) {
      const started = Array.from({ length: REPLICAS }, async (_, replica) => {
        const spawned = await spawnService({
          name: service,
          url: addresses[service]?.[replica] ?? '',
          env: { ...env, [`${service.toUpperCase()}_PORT`]: String(portOf(service, replica)) },
          entry: service === 'gateway' ? 'gateway/dist/main.js' : `subgraphs/${service}/dist/main.js`,
        });
        running.set(`${service}${replica}`, spawned);
        await balancer.until(service, replica, 'UP');
      });
      // What has begun to start has to be there before it can be ended.
      await Promise.allSettled(started);
      await Promise.all(started);
    }
    return {
      gatewayUrl: balancer.urls['gateway'] ?? '',
      databases,
      restart: (service, replica) => restart(balancer, running.get(`${service}${replica}`), { service, replica }),
      logs: () => [...running.values()].flatMap(({ lines }) => lines),
      [Symbol.asyncDispose]: () => own.run(),
    };
  } catch (error) {
    await own.run().catch(() => undefined);
    throw error;
  }
}

async function restart(
  balancer: LoadBalancer,
  spawned: SpawnedService | undefined,
  { service, replica }: { service: Service; replica: number },
): Promise<number | NodeJS.Signals> {
  if (!spawned) throw new Error(`There is no replica ${replica} of ${service}.`);
  const code = await spawned.end('SIGTERM');
  await spawned.start();
  await balancer.until(service, replica, 'UP');
  return code;
}
