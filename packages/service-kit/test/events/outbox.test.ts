import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { uuid7 } from '@taskgraph/contracts';
import {
  appendEvents,
  createMemoryLiveFeed,
  createMetrics,
  createOutboxReader,
  createOutboxRelay,
  inTransaction,
  subjectChannel,
  type LiveFeed,
  type NewEvent,
  type OutboxRelay,
  type RelayTimings,
} from '@taskgraph/service-kit';
import { cloneDatabase, openTestPool, sumOfMetric, type TestDatabase } from '@taskgraph/testkit';
import type pg from 'pg';
import { detached, log, rawClient, recordingBus, telemetry, type RecordingBus } from './event-fixture.js';

let database: TestDatabase;
let pool: pg.Pool;
const append = (events: readonly NewEvent[]) =>
  inTransaction(rawClient(pool), (tx) => appendEvents(tx, events, { requestId: 'a-request' }));
const mediaIdsOf = (events: ReadonlyArray<{ data: unknown }>) =>
  events.map(({ data }) => (data as { mediaId: string }).mediaId);

beforeAll(async () => {
  database = await cloneDatabase('task');
  pool = openTestPool(database.url);
});
beforeEach(async () => {
  await pool.query('DELETE FROM outbox');
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

function startRelay(
  bus: RecordingBus,
  {
    feed = createMemoryLiveFeed(),
    metrics = createMetrics('events'),
    ...timings
  }: Partial<RelayTimings> & { feed?: LiveFeed; metrics?: ReturnType<typeof createMetrics> } = {},
): OutboxRelay & AsyncDisposable {
  const relay = createOutboxRelay({
    source: 'task',
    connectionString: database.url,
    bus,
    feed,
    log,
    telemetry: telemetry(metrics),
    // Long, so that a test that passes shows the notification and not the poll.
    timings: { pollMs: 60_000, reconnectMs: 50, ...timings },
  });
  relay.start();
  return { ...relay, [Symbol.asyncDispose]: () => relay.close() };
}

const isRelaying = async () => {
  const { rows } = await pool.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7020 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
  return rows.length > 0;
};
async function untilRelaying(): Promise<void> {
  while (!(await isRelaying()));
}

describe('the outbox', () => {
  it('keeps an event if, and only if, its transaction commits', async () => {
    const taskId = uuid7();
    await expect(
      inTransaction(rawClient(pool), async (tx) => {
        await appendEvents(tx, [detached(taskId)]);
        throw new Error('a rule says no');
      }),
    ).rejects.toThrow('a rule says no');
    const reader = createOutboxReader(pool, 'task');
    expect(await reader.newestPosition(taskId)).toBe(0n);

    await append([detached(taskId), detached(taskId)]);
    const rows = await reader.readAfter(taskId, 0n, 10);
    expect(rows.map(({ event }) => [event.type, event.source, event.requestId])).toEqual(
      Array(2).fill(['task.media-detached.v1', 'task', 'a-request']),
    );
    expect(await reader.positionOf(rows[0]?.event.id ?? '', taskId)).toBe(rows[0]?.position);
    expect(await reader.positionOf(rows[0]?.event.id ?? '', uuid7())).toBeNull();
  });

  it('refuses data that are not what the type says', async () => {
    const wrong = { type: 'task.media-detached.v1', subject: 'x', data: { taskId: 'no id' } } as unknown as NewEvent;
    await expect(append([wrong])).rejects.toThrow();
  });

  it('lets writers of one subject wait for each other, so that positions follow commits', async () => {
    const taskId = uuid7();
    const [first, second, other] = [uuid7(), uuid7(), uuid7()];
    let commit: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (commit = resolve));
    let appended: () => void = () => undefined;
    const isAppended = new Promise<void>((resolve) => (appended = resolve));
    const slow = inTransaction(rawClient(pool), async (tx) => {
      await appendEvents(tx, [detached(taskId, first)]);
      appended();
      await held;
    });
    await isAppended;
    const waiting = append([detached(taskId, second)]);
    // Another subject does not wait.
    await append([detached(uuid7(), other)]);
    commit();
    await Promise.all([slow, waiting]);
    const rows = await createOutboxReader(pool, 'task').readAfter(taskId, 0n, 10);
    expect(mediaIdsOf(rows.map(({ event }) => event))).toEqual([first, second]);
  });
});

describe('the relay', () => {
  it('publishes in order as soon as a transaction commits, and marks what the transport has taken', async () => {
    const bus = recordingBus();
    await using _relay = startRelay(bus);
    await untilRelaying();
    const taskId = uuid7();
    const mediaIds = Array.from({ length: 20 }, () => uuid7());
    for (const mediaId of mediaIds) await append([detached(taskId, mediaId)]);
    expect(mediaIdsOf(await bus.until(20))).toEqual(mediaIds);
    while ((await pool.query('SELECT 1 FROM outbox WHERE published_at IS NULL')).rows.length > 0);
  });

  it('publishes what was written while nobody relayed, more than a batch of it', async () => {
    const taskId = uuid7();
    const mediaIds = Array.from({ length: 1_200 }, () => uuid7());
    await append(mediaIds.map((mediaId) => detached(taskId, mediaId)));
    const bus = recordingBus();
    await using _relay = startRelay(bus);
    expect(mediaIdsOf(await bus.until(1_200))).toEqual(mediaIds);
  });

  it('polls for what no notification has told', async () => {
    const bus = recordingBus();
    await using _relay = startRelay(bus, { pollMs: 30 });
    await untilRelaying();
    await pool.query(
      `INSERT INTO outbox (id, type, subject, data, time) VALUES ($1, 'task.media-detached.v1', 's', $2, now())`,
      [uuid7(), JSON.stringify({ taskId: uuid7(), mediaId: uuid7() })],
    );
    await bus.until(1);
  });

  it('keeps what the transport does not take, and tries it again', async () => {
    const bus = recordingBus();
    const [stuck, free] = [uuid7(), uuid7()];
    bus.refused.add(stuck);
    const metrics = createMetrics('events');
    const valueOf = async (name: string) => sumOfMetric(await metrics.registry.metrics(), name);
    await using _relay = startRelay(bus, { metrics });
    await append([detached(stuck), detached(free)]);
    expect((await bus.until(1)).map(({ subject }) => subject)).toEqual([free]);
    expect(await valueOf('taskgraph_outbox_waiting_events')).toBeGreaterThan(0);
    expect(await valueOf('taskgraph_outbox_oldest_waiting_timestamp_seconds')).toBeGreaterThan(1_000_000_000);
    bus.refused.clear();
    expect((await bus.until(2)).map(({ subject }) => subject)).toEqual([free, stuck]);
    while ((await valueOf('taskgraph_outbox_waiting_events')) > 0) await new Promise(setImmediate);
    expect(await valueOf('taskgraph_outbox_oldest_waiting_timestamp_seconds')).toBe(0);
  });

  it('publishes everything again to a transport that has lost its memory, before anything new', async () => {
    const bus = recordingBus();
    await using _relay = startRelay(bus);
    const subject = uuid7();
    const [first, second] = [uuid7(), uuid7()];
    await append([detached(subject, first)]);
    await bus.until(1);
    bus.forgot = true;
    bus.refused.add(subject);
    await append([detached(subject, second)]);
    while (bus.forgot) await new Promise((resolve) => setImmediate(resolve));
    bus.refused.clear();
    expect(mediaIdsOf(await bus.until(3))).toEqual([first, first, second]);
  });

  it('touches a bounded number of rows with each statement, however many there are', async () => {
    const total = 12_345;
    // PostgreSQL itself refuses a statement that would not end in time where there are more.
    await pool.query(`
      CREATE FUNCTION refuse_many() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM touched) > 5000 THEN RAISE 'too many rows for one statement'; END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER few_updates AFTER UPDATE ON outbox REFERENCING OLD TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_many();
      CREATE TRIGGER few_deletes AFTER DELETE ON outbox REFERENCING OLD TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_many();
      CREATE TRIGGER few_forgotten AFTER DELETE ON inbox REFERENCING OLD TABLE AS touched
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_many();
      INSERT INTO outbox (id, type, subject, data, time, published_at)
        SELECT gen_random_uuid(), 'task.media-detached.v1', 'subject ' || n % 100, '{}', now(), now()
        FROM generate_series(1, ${total}) n;
      INSERT INTO inbox (group_name, event_id, handled_at, source, subject, sequence, settles)
        SELECT 'task', gen_random_uuid(), now() - interval '41 days', 'media', 's', n, '*'
        FROM generate_series(1, ${total}) n;`);
    try {
      const bus = recordingBus();
      bus.forgot = true;
      await using _relay = startRelay(bus, { retentionMs: 1, tidyMs: 1, pollMs: 20 });
      await bus.until(total);
      while ((await pool.query('SELECT 1 FROM outbox UNION ALL SELECT 1 FROM inbox LIMIT 1')).rows.length > 0);
    } finally {
      await pool.query('DROP FUNCTION refuse_many() CASCADE');
    }
  });

  it('asks PostgreSQL to notice soon when its host is gone, and leave the lock to another', async () => {
    // Only the relay's own session knows its settings.
    await pool.query(`
      CREATE TABLE seen AS SELECT '' AS idle, '' AS interval, '' AS count WHERE false;
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'),
          current_setting('tcp_keepalives_count');
        RETURN NULL;
      END $$;
      CREATE TRIGGER see AFTER UPDATE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION see();`);
    try {
      await using _relay = startRelay(recordingBus());
      await append([detached(uuid7())]);
      const seen = () => pool.query<object>('SELECT * FROM seen').then(({ rows }) => rows);
      while ((await seen()).length === 0);
      expect(await seen()).toEqual([{ idle: '10', interval: '5', count: '3' }]);
    } finally {
      await pool.query('DROP FUNCTION see() CASCADE; DROP TABLE seen');
    }
  });

  it('is one of several replicas, and another takes over when its connection ends', async () => {
    const [one, two] = [recordingBus(), recordingBus()];
    await using _first = startRelay(one, { pollMs: 50 });
    await untilRelaying();
    await using _second = startRelay(two, { pollMs: 50, reconnectMs: 2_000 });
    const taskId = uuid7();
    await append([detached(taskId)]);
    await one.until(1);
    expect(two.published).toEqual([]);
    await _first.close();
    await append([detached(taskId)]);
    await two.until(1);
    expect(one.published).toHaveLength(1);
  });

  it('comes back after its connection was cut', async () => {
    const bus = recordingBus();
    await using _relay = startRelay(bus);
    await untilRelaying();
    await pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'taskgraph-task-relay' AND datname = current_database()`,
    );
    await append([detached(uuid7())]);
    await bus.until(1);
  });

  it('publishes again what the transport has forgotten, without any further event', async () => {
    const bus = recordingBus();
    await using _relay = startRelay(bus, { pollMs: 20, prepareMs: 20 });
    await append([detached(uuid7())]);
    await bus.until(1);
    bus.forgot = true;
    await bus.until(2);
    expect(new Set(bus.published.map(({ id }) => id)).size).toBe(1);
  });

  it('forgets published events when their time is over', async () => {
    await append([detached(uuid7())]);
    const bus = recordingBus();
    await using _relay = startRelay(bus, { retentionMs: 1, tidyMs: 1, pollMs: 20 });
    await bus.until(1);
    while ((await pool.query('SELECT 1 FROM outbox')).rows.length > 0);
  });

  it('wakes who waits for a subject with its newest position, and again until the feed takes it', async () => {
    const inner = createMemoryLiveFeed();
    let away = true;
    const feed: LiveFeed = {
      ...inner,
      publish: (channel, message) => (away ? Promise.reject(new Error('away')) : inner.publish(channel, message)),
    };
    const taskId = uuid7();
    const heard: Array<string | null> = [];
    let stir: () => void = () => undefined;
    const firstWord = new Promise<void>((resolve) => (stir = resolve));
    await using _relay = startRelay(recordingBus(), { feed, reconnectMs: 20 });
    await untilRelaying();
    await feed.subscribe(subjectChannel(taskId), (message) => {
      heard.push(message);
      stir();
    });
    await append([detached(taskId), detached(taskId)]);
    await append([detached(taskId)]);
    away = false;
    await firstWord;
    const newest = await createOutboxReader(pool, 'task').newestPosition(taskId);
    // One that was sent again may come behind it.
    while (!heard.includes(String(newest))) await new Promise((resolve) => setImmediate(resolve));
  });
});
