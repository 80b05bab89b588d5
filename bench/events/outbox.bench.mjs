// How many events the outbox relays in a second, and how late they arrive at 500 a second: from the commit of their
// transaction to their handling by a consumer. On a real PostgreSQL with its durability on, and on both transports.
import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { uuid7 } from '@taskgraph/contracts';
import { createMigrator, silentLog, startCluster, withClient } from '@taskgraph/databases';
import {
  appendEvents,
  createEventTelemetry,
  createLog,
  createMemoryEventBus,
  createMemoryLiveFeed,
  createMetrics,
  createOutboxRelay,
  createPubSubEventBus,
  inTransaction,
} from '@taskgraph/service-kit';
import { startPubSubEmulator } from '@taskgraph/testkit';
import pg from 'pg';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BACKLOG = 20_000;
const RATE = 500;
const SECONDS = 20;
const WRITERS = 8;
const SUBJECTS = Array.from({ length: 200 }, () => uuid7());

const log = createLog({ service: 'bench', level: 'error' });

/** What appendEvents needs of a Prisma client, on a pool. */
function rawClient(pool) {
  return {
    async $transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const result = await work({
          $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount,
        });
        await client.query('COMMIT');
        return result;
      } finally {
        client.release();
      }
    },
  };
}

const event = (subject) => ({
  type: 'task.media-detached.v1',
  subject,
  data: { taskId: subject, mediaId: uuid7() },
});

async function measure(name, { bus, url }) {
  const pool = new pg.Pool({ connectionString: url, max: WRITERS });
  pool.on('error', () => undefined);
  const db = rawClient(pool);
  const metrics = createMetrics('bench');
  await pool.query('TRUNCATE outbox');
  let handled = 0;
  const lags = [];
  let measuring = false;
  await bus.prepare('task', async () => undefined);
  const subscription = await bus.subscribe({
    group: 'media',
    topics: ['task-events'],
    lifetime: 'durable',
    handle: async ({ time }) => {
      handled += 1;
      if (measuring) lags.push(Date.now() - Date.parse(time));
    },
  });
  for (let written = 0; written < BACKLOG; written += 500)
    await inTransaction(db, (tx) =>
      appendEvents(
        tx,
        Array.from({ length: 500 }, (_, index) => event(SUBJECTS[(written + index) % SUBJECTS.length])),
      ),
    );
  const relay = createOutboxRelay({
    source: 'task',
    connectionString: url,
    bus,
    feed: createMemoryLiveFeed(),
    log,
    telemetry: createEventTelemetry(metrics),
  });
  const startedAt = performance.now();
  relay.start();
  while (handled < BACKLOG) await delay(5);
  const perSecond = BACKLOG / ((performance.now() - startedAt) / 1000);

  measuring = true;
  const total = RATE * SECONDS;
  const until = BACKLOG + total;
  const from = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let index = next++; index < total; index = next++) {
        const early = from + (index * 1000) / RATE - performance.now();
        if (early > 0) await delay(early);
        await inTransaction(db, (tx) => appendEvents(tx, [event(SUBJECTS[index % SUBJECTS.length])]));
      }
    }),
  );
  const rate = total / ((performance.now() - from) / 1000);
  while (handled < until) await delay(5);
  await relay.close();
  await subscription.close();
  await pool.end();
  lags.sort((one, other) => one - other);
  const at = (share) => lags[Math.min(lags.length - 1, Math.floor(lags.length * share))];
  console.log(
    `| ${name} | ${Math.round(perSecond)} | ${Math.round(rate)} | ${at(0.5)} | ${at(0.99)} | ${lags.at(-1)} |`,
  );
}

const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-bench-'));
await chmod(folder, 0o755);
const cluster = await startCluster({ dataDir: path.join(folder, 'postgres'), persistent: true, log: silentLog });
const undo = [() => rm(folder, { recursive: true, force: true }), () => cluster.stop()];
try {
  await withClient(cluster.adminUrl, (client) => client.query('CREATE DATABASE task'));
  const url = cluster.url('task');
  await createMigrator({ folder: path.join(ROOT, 'prisma/task'), url }).up();
  console.log(`${BACKLOG} events that wait, then ${RATE} events/s for ${SECONDS} s in transactions of one\n`);
  console.log('| transport | backlog, events/s | written/s | lag p50 ms | lag p99 ms | lag max ms |');
  console.log('|---|---|---|---|---|---|');
  const memory = createMemoryEventBus({ log });
  await measure('in process', { bus: memory, url });
  await memory.close();
  const emulator = await startPubSubEmulator();
  undo.push(() => emulator.stop());
  process.env.PUBSUB_EMULATOR_HOST = emulator.host;
  const pubsub = createPubSubEventBus({ projectId: 'taskgraph-bench', log, metrics: createMetrics('pubsub') });
  await measure('Pub/Sub (emulator)', { bus: pubsub, url });
  await pubsub.close();
} finally {
  for (const step of undo.reverse()) await step();
}
