import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createMigrator, silentLog, startCluster, withClient } from '@taskgraph/databases';
import { limitFiles, spawnGraph, startPubSubEmulator, startRedisServer, startTcpProxy } from '@taskgraph/testkit';

const SCHEMAS = ['auth', 'task', 'media'];
const POSTGRES_TRIES = 100;

/**
 * What may be killed, and started again after its time. Of the network to the databases, `slow` lets everything take longer, `hang` lets
 * nothing through, and `cut` breaks what is connected. `disk` is the one that media writes to: it is full, after some bytes or at once.
 */
export const VICTIMS = [
  ...['auth', 'task', 'media', 'gateway'],
  ...['redis', 'pubsub', 'postgres', 'disk'],
  ...['slow', 'hang', 'cut'],
];
const SLOW_MS = 150;
/** Nothing, less than a picture, a picture without all of its thumbnails. */
const FREE_BYTES = [0, 500, 40_000];

/**
 * Starts everything for real: PostgreSQL that keeps what it has committed, Redis, Google's Pub/Sub emulator, the four
 * processes as built.
 */
export async function startSystem(root, random) {
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
    const proxies = [];
    const proxied = {};
    for (const [name, database] of Object.entries(databases)) {
      const proxy = await startTcpProxy(database.url);
      undo.push(() => proxy[Symbol.asyncDispose]());
      proxies.push(proxy);
      proxied[name] = { ...database, url: proxy.url };
    }
    const onNetwork = (work) => async () => proxies.forEach(work);
    const redis = await startRedisServer();
    undo.push(() => redis.stop());
    const pubsub = await startPubSubEmulator();
    undo.push(() => pubsub.stop());
    const graph = await spawnGraph({
      databases: proxied,
      settings: {
        REDIS_URL: redis.url,
        PUBSUB_PROJECT_ID: 'taskgraph-chaos',
        PUBSUB_EMULATOR_HOST: pubsub.host,
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

    const kills = {
      disk: async () => limitFiles(graph.pids.media, random.pick(FREE_BYTES)),
      redis: () => redis.stop(),
      pubsub: () => pubsub.stop(),
      postgres: async () => process.kill(cluster.pid, 'SIGKILL'),
      slow: onNetwork((proxy) => proxy.slow(SLOW_MS)),
      hang: onNetwork((proxy) => proxy.freeze()),
      cut: onNetwork((proxy) => proxy.cut()),
    };
    const starts = {
      disk: async () => limitFiles(graph.pids.media, null),
      redis: () => redis.start(),
      pubsub: () => pubsub.start(),
      postgres: startPostgresAgain,
      slow: onNetwork((proxy) => proxy.slow(0)),
      hang: onNetwork((proxy) => proxy.thaw()),
      cut: async () => undefined,
    };
    return {
      graph,
      databases,
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
