import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuid7, type EventEnvelope } from '@taskgraph/contracts';
import { createEventHandler, handleOnce, keepDeadLetter, PoisonEvent } from '@taskgraph/service-kit';
import { cloneDatabase, type TestDatabase } from '@taskgraph/testkit';
import pg from 'pg';
import { log, rawClient, telemetry } from './event-fixture.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await cloneDatabase('media');
  pool = new pg.Pool({ connectionString: database.url });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

function envelope(overrides: Partial<EventEnvelope> = {}): EventEnvelope {
  const taskId = uuid7();
  return {
    id: uuid7(),
    type: 'task.media-detached.v1',
    source: 'task',
    subject: taskId,
    time: new Date().toISOString(),
    data: { taskId, mediaId: uuid7() },
    ...overrides,
  };
}

describe('the inbox', () => {
  it('handles an event once for each group, two deliveries at once included', async () => {
    const event = envelope();
    let effects = 0;
    const deliver = (group: string) => handleOnce(rawClient(pool), group, event, async () => void (effects += 1));
    const outcomes = await Promise.all([deliver('one'), deliver('one'), deliver('one')]);
    expect(outcomes.toSorted()).toEqual(['handled', 'known', 'known']);
    expect(await deliver('two')).toBe('handled');
    expect(effects).toBe(2);
  });

  it('takes an event whose handling failed for one that has not come', async () => {
    const event = envelope();
    const failing = handleOnce(rawClient(pool), 'one', event, () => Promise.reject(new Error('not now')));
    await expect(failing).rejects.toThrow('not now');
    expect(await handleOnce(rawClient(pool), 'one', event, async () => undefined)).toBe('handled');
  });
});

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
    const event = envelope();
    await handle()(event, { attempt: 1 });
    expect(seen).toEqual([(event.data as { mediaId: string }).mediaId]);
  });

  it('has no business with events that it does not know by name', async () => {
    await handle()(envelope({ type: 'task.archived.v1' }), { attempt: 1 });
    await handle()(envelope({ type: 'task.created.v1' }), { attempt: 1 });
  });

  it.each([
    ['another version of an event that it knows', { type: 'task.media-detached.v2' }],
    ['data that are not what the type says', { data: { taskId: 'no id' } }],
  ])('calls %s poison', async (_what, overrides) => {
    await expect(handle()(envelope(overrides), { attempt: 1 })).rejects.toThrow(PoisonEvent);
  });
});

describe('dead letters', () => {
  it('are kept once for each event and group, with the last failure', async () => {
    const event = envelope();
    await keepDeadLetter(pool, { event, group: 'media', error: 'first', attempts: 5 });
    await keepDeadLetter(pool, { event, group: 'media', error: 'second', attempts: 5 });
    const { rows } = await pool.query('SELECT group_name, envelope, error, attempts FROM dead_letters');
    expect(rows).toEqual([{ group_name: 'media', envelope: event, error: 'second', attempts: 5 }]);
  });
});
