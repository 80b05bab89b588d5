import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createMigrator, silentLog, startCluster, withClient } from '@taskgraph/databases';
import {
  limitFiles,
  spawnGraph,
  startPubSubEmulator,
  startRedisServer,
  startStorageEmulator,
  startTcpProxy,
} from '@taskgraph/testkit';
import { startMailServer } from './mail-server.mjs';
import { startStorageGate } from './storage-gate.mjs';

const SCHEMAS = ['auth', 'task', 'media'];
const POSTGRES_TRIES = 100;

const PROCESSES = ['auth', 'task', 'media', 'gateway'];
/**
 * What may be killed, and started again after its time. Processes may also hang, stopped by SIGSTOP, with all connections open. Of the
 * network to the databases, `slow` lets everything take longer, `hang` lets nothing through, and `cut` breaks what is connected; Redis and
 * Pub/Sub have such networks too. `disk` is the one that media writes to: it is full, after some bytes or at once.
 */
export const VICTIMS = [
  ...PROCESSES,
  ...PROCESSES.map((name) => `${name}-hang`),
  ...['redis', 'pubsub', 'postgres', 'disk'],
  ...['slow', 'hang', 'cut'],
  ...['redis-slow', 'redis-hang', 'redis-cut', 'pubsub-slow', 'pubsub-hang', 'pubsub-cut'],
  ...['smtp', 'smtp-hang', 'smtp-refuse'],
];
/** Where files are in a bucket. */
export const BUCKET_VICTIMS = ['bucket', 'bucket-refuse', 'bucket-hang', 'bucket-slow'];
const SLOW_MS = 150;
/** Nothing, less than a picture, a picture without all of its thumbnails. */
const FREE_BYTES = [0, 500, 40_000];

/**
 * Starts everything for real: PostgreSQL that keeps what it has committed, Redis, Google's Pub/Sub emulator, a server for mails, the four
 * processes as built. Files are on the disk, or in a bucket of fake-gcs-server (`store`).
 */
export async function startSystem(root, random, store) {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-chaos-'));
  await chmod(folder, 0o755);
  const postgres = { dataDir: path.join(folder, 'postgres'), persistent: true, log: silentLog };
  let cluster = await startCluster(postgres);
  const undo = [() => rm(folder, { recursive: true, force: true }), () => cluster.stop()];
  try {
    const databases = {};
    for (const name of SCHEMAS) {
      await withClient(cluster.adminUrl, (client) => client.query(`CREATE DATABASE ${name}`));
      const url = cluster.url(name);
      await createMigrator({ folder: path.join(root, 'prisma', name), url }).up();
      databases[name] = { name, url, drop: async () => undefined };
    }
    const behindProxy = async (url) => {
      const proxy = await startTcpProxy(url);
      undo.push(() => proxy[Symbol.asyncDispose]());
      return proxy;
    };
    const proxies = [];
    const proxied = {};
    for (const [name, database] of Object.entries(databases)) {
      const proxy = await behindProxy(database.url);
      proxies.push(proxy);
      proxied[name] = { ...database, url: proxy.url };
    }
    const redis = await startRedisServer();
    undo.push(() => redis.stop());
    const redisProxy = await behindProxy(redis.url);
    const pubsub = await startPubSubEmulator();
    undo.push(() => pubsub.stop());
    const pubsubProxy = await behindProxy(`http://${pubsub.host}`);
    const smtp = await startMailServer();
    undo.push(() => smtp.stop());
    const bucket = store === 'bucket' ? await startBucket(undo) : null;
    const graph = await spawnGraph({
      databases: proxied,
      settings: {
        REDIS_URL: redisProxy.url,
        PUBSUB_PROJECT_ID: 'taskgraph-chaos',
        PUBSUB_EMULATOR_HOST: new URL(pubsubProxy.url).host,
        SMTP_URL: smtp.url,
        ...bucket?.settings,
        ACCESS_TOKEN_LIFETIME_SECONDS: '7200',
        // A breaker that stays open for long would only make the run longer.
        SUBGRAPH_BREAKER_RESET_MS: '1000',
        LOG_LEVEL: 'info',
      },
    });
    undo.push(() => graph.stop());

    async function startPostgresAgain() {
      for (let attempt = 1; ; attempt += 1) {
        try {
          cluster = await startCluster({ ...postgres, port: cluster.port });
          return;
        } catch (error) {
          // Its backends take a moment to notice that their parent is gone.
          if (attempt === POSTGRES_TRIES) throw error;
          await delay(100);
        }
      }
    }

    const signal = (name, kind) => async () => void process.kill(graph.pids[name], kind);
    const networks = [networkOf('', proxies), networkOf('redis-', [redisProxy]), networkOf('pubsub-', [pubsubProxy])];
    const hanging = PROCESSES.map((name) => ({
      kills: { [`${name}-hang`]: signal(name, 'SIGSTOP') },
      starts: { [`${name}-hang`]: signal(name, 'SIGCONT') },
    }));
    const others = [...networks, ...hanging];
    const kills = {
      ...Object.assign({}, ...others.map((each) => each.kills)),
      disk: async () => limitFiles(graph.pids.media, random.pick(FREE_BYTES)),
      redis: () => redis.stop(),
      pubsub: () => pubsub.stop(),
      postgres: async () => process.kill(cluster.pid, 'SIGKILL'),
      smtp: () => smtp.stop(),
      'smtp-hang': async () => smtp.hang(),
      'smtp-refuse': async () => smtp.refuse(),
      ...bucket?.kills,
    };
    const starts = {
      ...Object.assign({}, ...others.map((each) => each.starts)),
      disk: async () => limitFiles(graph.pids.media, null),
      redis: () => redis.start(),
      pubsub: () => pubsub.start(),
      postgres: startPostgresAgain,
      smtp: () => smtp.start(),
      'smtp-hang': async () => smtp.open(),
      'smtp-refuse': async () => smtp.open(),
      ...bucket?.starts,
    };
    return {
      graph,
      databases,
      mailed: smtp.recipients,
      /** As openStore of media takes it: past what stands before the bucket. */
      storage: { TASKGRAPH_DATA_DIR: graph.dataDir, ...bucket?.direct },
      kill: (victim) => kills[victim]?.() ?? graph.kill(victim, 'SIGKILL'),
      start: (victim) => starts[victim]?.() ?? graph.restart(victim),
      close: async () => {
        for (const step of undo.reverse()) await step();
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

/** What networks do, and how each is undone. */
function networkOf(prefix, proxies) {
  const onEach = (work) => async () => proxies.forEach(work);
  return {
    kills: {
      [`${prefix}slow`]: onEach((proxy) => proxy.slow(SLOW_MS)),
      [`${prefix}hang`]: onEach((proxy) => proxy.freeze()),
      [`${prefix}cut`]: onEach((proxy) => proxy.cut()),
    },
    starts: {
      [`${prefix}slow`]: onEach((proxy) => proxy.slow(0)),
      [`${prefix}hang`]: onEach((proxy) => proxy.thaw()),
      [`${prefix}cut`]: async () => undefined,
    },
  };
}

async function startBucket(undo) {
  const emulator = await startStorageEmulator();
  undo.push(() => emulator[Symbol.asyncDispose]());
  const gate = await startStorageGate(emulator.url);
  undo.push(() => gate.close());
  const open = async () => gate.open();
  return {
    settings: { GCS_BUCKET: emulator.bucket, STORAGE_EMULATOR_HOST: gate.url },
    direct: { GCS_BUCKET: emulator.bucket, STORAGE_EMULATOR_HOST: emulator.url },
    kills: {
      bucket: () => emulator.stop(),
      'bucket-refuse': async () => gate.refuse(),
      'bucket-hang': async () => gate.hang(),
      'bucket-slow': async () => gate.slow(SLOW_MS),
    },
    starts: { bucket: () => emulator.start(), 'bucket-refuse': open, 'bucket-hang': open, 'bucket-slow': open },
  };
}
