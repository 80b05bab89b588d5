import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { uuid7, type DomainEvent } from '@taskgraph/contracts';
import {
  createEventHandler,
  createHealth,
  createMemoryEventBus,
  createMemoryLiveFeed,
  createMetrics,
  createServiceEvents,
  handleOnce,
  keepDeadLetter,
  PoisonEvent,
} from '@taskgraph/service-kit';
import { cloneDatabase, openTestPool, sumOfMetric, type TestDatabase } from '@taskgraph/testkit';
import type pg from 'pg';
import { log, rawClient, telemetry } from './event-fixture.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await cloneDatabase('media');
  pool = openTestPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

let lastSequence = 0;

function detached(
  overrides: Partial<DomainEvent<'task.media-detached.v1'>> = {},
): DomainEvent<'task.media-detached.v1'> {
  const taskId = uuid7();
  return {
    id: uuid7(),
    type: 'task.media-detached.v1',
    source: 'task',
    subject: taskId,
    sequence: String((lastSequence += 1)),
    time: new Date().toISOString(),
    data: { taskId, mediaId: uuid7() },
    ...overrides,
  };
}

describe('the inbox', () => {
  it('handles an event once for each group, two deliveries at once included', async () => {
    const event = detached();
    let effects = 0;
    const deliver = (group: string) => handleOnce(rawClient(pool), group, event, async () => void (effects += 1));
    const outcomes = await Promise.all([deliver('one'), deliver('one'), deliver('one')]);
    expect(outcomes.toSorted()).toEqual(['handled', 'known', 'known']);
    expect(await deliver('two')).toBe('handled');
    expect(effects).toBe(2);
  });

  it('takes an event whose handling failed for one that has not come', async () => {
    const event = detached();
    const failing = handleOnce(rawClient(pool), 'one', event, () => Promise.reject(new Error('not now')));
    await expect(failing).rejects.toThrow('not now');
    expect(await handleOnce(rawClient(pool), 'one', event, async () => undefined)).toBe('handled');
  });
});

describe('what has come too late', () => {
  const taskId = uuid7();
  const [mediaId, other] = [uuid7(), uuid7()];
  const handled = (event: DomainEvent, group = 'late') =>
    handleOnce(rawClient(pool), group, event, async () => undefined);
  const ofItem = (id: string) => detached({ subject: taskId, data: { taskId, mediaId: id } });

  it('is an event behind a later one that has settled the same, for the group that has handled that', async () => {
    const [early, elsewhere, later, last] = [ofItem(mediaId), ofItem(other), ofItem(mediaId), ofItem(mediaId)];
    expect(await handled(later)).toBe('handled');
    expect(await handled(early)).toBe('late');
    expect(await handled(early)).toBe('known');
    expect(await handled(elsewhere)).toBe('handled');
    expect(await handled(last)).toBe('handled');
    expect(await handled(early, 'another')).toBe('handled');
    // The subject of another service, and another subject.
    expect(await handled({ ...detached({ subject: taskId, sequence: '1' }), source: 'media' })).toBe('handled');
    expect(await handled(detached({ sequence: '1', data: { taskId, mediaId } }))).toBe('handled');
  });

  it('is every event behind one that settles all of its subject, and not that behind one of a part', async () => {
    const subject = uuid7();
    const about = { subject, data: { taskId: subject, mediaId } };
    const [early, between, later] = [detached(about), detached(about), detached(about)];
    const end: DomainEvent = {
      ...between,
      type: 'task.deleted.v1',
      data: { taskId: subject, ownerId: uuid7(), assigneeId: null, mediaIds: [] },
    };
    expect(await handled(later)).toBe('handled');
    expect(await handled(end)).toBe('handled');
    expect(await handled(early)).toBe('late');
    expect(await handled({ ...end, id: uuid7(), sequence: early.sequence })).toBe('late');
  });

  it('is found out when two processes have events of one subject at once', async () => {
    const [early, later] = [ofItem(mediaId), ofItem(mediaId)];
    let end: () => void = () => undefined;
    const mayEnd = new Promise<void>((resolve) => (end = resolve));
    let begun: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    const first = handleOnce(rawClient(pool), 'late', later, () => (begun(), mayEnd));
    await hasBegun;
    const second = handled(early);
    while ((await pool.query(WAITING)).rowCount === 0) await delay(5);
    end();
    expect([await first, await second]).toEqual(['handled', 'late']);
  });
});

/** Somebody waits for an advisory lock. */
const WAITING = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;

describe('the handler of a group', () => {
  const seen: string[] = [];
  const handle = () =>
    createEventHandler({
      group: 'media',
      db: rawClient(pool),
      handlers: { 'task.media-detached.v1': async (_tx, { data }) => void seen.push(data.mediaId) },
      log,
      telemetry: telemetry(),
    });

  it('gets the data that the type promises', async () => {
    const event = detached();
    await handle()(event, { attempt: 1 });
    expect(seen).toEqual([event.data.mediaId]);
  });

  it('has no business with events that it does not know by name', async () => {
    await handle()({ ...detached(), type: 'task.archived.v1' }, { attempt: 1 });
    await handle()({ ...detached(), type: 'task.created.v1' }, { attempt: 1 });
  });

  it.each([
    ['another version of an event that it knows', { type: 'task.media-detached.v2' }],
    ['data that are not what the type says', { data: { taskId: 'no id' } }],
  ])('calls %s poison', async (_what, overrides) => {
    await expect(handle()({ ...detached(), ...overrides }, { attempt: 1 })).rejects.toThrow(PoisonEvent);
  });
});

describe('dead letters', () => {
  it('are kept once for each event and group, with the last failure', async () => {
    const event = detached();
    await keepDeadLetter(pool, { event, group: 'media', error: 'first', attempts: 5 });
    await keepDeadLetter(pool, { event, group: 'media', error: 'second', attempts: 5 });
    const { rows } = await pool.query('SELECT group_name, envelope, error, attempts FROM dead_letters');
    expect(rows).toEqual([{ group_name: 'media', envelope: event, error: 'second', attempts: 5 }]);
  });

  it('are what becomes of poison that a service hears, which counts it', async () => {
    const event = { ...detached(), type: 'task.media-detached.v2' };
    const metrics = createMetrics('media');
    const bus = createMemoryEventBus({ log, groups: [{ group: 'media', topics: ['task-events'] }] });
    const events = createServiceEvents({
      source: 'media',
      connectionString: database.url,
      pool,
      db: rawClient(pool),
      bus,
      feed: createMemoryLiveFeed(),
      handlers: { 'task.media-detached.v1': async () => undefined },
      log,
      metrics,
      health: createHealth(),
    });
    events.start();
    try {
      while ((await bus.publish([event])).failed.size > 0) await delay(5);
      const { rows } = await pool.query('SELECT envelope FROM dead_letters WHERE event_id = $1', [event.id]);
      expect(rows).toEqual([{ envelope: event }]);
      const text = await metrics.registry.metrics();
      expect(sumOfMetric(text, 'taskgraph_events_dead_total', { group: 'media' })).toBe(1);
    } finally {
      await events.close();
      await bus.close();
    }
  });
});
