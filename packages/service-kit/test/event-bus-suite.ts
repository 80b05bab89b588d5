import { afterEach, expect, it } from '@jest/globals';
import { EVENT_SOURCES, type EventEnvelope } from '@taskgraph/contracts';
import { MAX_DELIVERIES, PoisonEvent, type DeadLetter, type EventBus } from '../src/events/event-bus.js';
import { aConsumer, aGate, anEvent, until } from './event-consumer.js';

/** One transport, empty at the start of each test. */
export interface Transport {
  /** As another process does. */
  connect(): EventBus;
  deadLetters(): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

export const ids = (events: readonly EventEnvelope[]) => events.map(({ id }) => id);
/** A durable subscription to what the task service tells. */
export const everything = { topics: ['task-events'], lifetime: 'durable' } as const;

/** As the relays of all services make it. */
export async function ready(bus: EventBus): Promise<EventBus> {
  for (const source of EVENT_SOURCES) await bus.prepare(source, async () => undefined);
  return bus;
}

/** What every event bus does. */
export function behavesAsEventBus(open: () => Transport) {
  let transport: Transport;
  let bus: EventBus;
  const start = async () => {
    transport = open();
    bus = await ready(transport.connect());
  };
  afterEach(async () => {
    await transport.close();
  });

  it('gives each event to every group of its topic, once, as it was published', async () => {
    await start();
    const [media, feed, auth] = [aConsumer(), aConsumer(), aConsumer()];
    await bus.subscribe({ ...everything, group: 'media', handle: media.handle });
    await bus.subscribe({
      ...everything,
      group: 'live-feed',
      topics: ['media-events', 'task-events'],
      handle: feed.handle,
    });
    await bus.subscribe({ ...everything, group: 'auth', topics: ['media-events'], handle: auth.handle });
    const task = anEvent({ requestId: 'r-1', data: { text: 'snow \u2603', list: [1, null] } });
    const item = anEvent({ source: 'media', type: 'media.processed.v1' });

    expect(await bus.publish([task, item])).toEqual({ published: [task.id, item.id], failed: new Map() });
    await Promise.all([media.untilDone(task.id), feed.untilDone(task.id, item.id), auth.untilDone(item.id)]);

    expect(media.tries).toEqual([{ event: task, attempt: 1 }]);
    expect(auth.tries).toEqual([{ event: item, attempt: 1 }]);
    expect(feed.tries).toHaveLength(2);
    expect(await bus.publish([])).toEqual({ published: [], failed: new Map() });
  });

  it('keeps the order of a subject when a handler fails in between, and goes on with other subjects meanwhile', async () => {
    await start();
    const events = Array.from({ length: 30 }, (_, version) => anEvent({ subject: 'one', data: { version } }));
    const other = anEvent({ subject: 'other' });
    const otherIsDone = aGate();
    const consumer = aConsumer(async ({ id, subject }, attempt) => {
      if (subject === 'other') otherIsDone.open();
      // Only when another subject is handled while this one is being tried does this end.
      if (id === events[0]?.id && attempt === 3) await otherIsDone.passed;
      if (['3', '4', '11'].some((n) => id === events[Number(n)]?.id) && attempt < 3) throw new Error('not now');
      if (id === events[0]?.id && attempt < 3) throw new Error('not yet');
    });
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });

    await bus.publish([...events, other]);
    await consumer.untilDone(...ids(events), other.id);

    expect(consumer.done.filter((id) => id !== other.id)).toEqual(ids(events));
    expect(consumer.tries).toHaveLength(31 + 4 * 2);
    expect(await transport.deadLetters()).toEqual([]);
  });

  it('tries an event again, and makes it a dead letter of the group that fails when no try is left', async () => {
    await start();
    const [first, behind] = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' })];
    const failing = aConsumer(({ id }) => {
      if (id === first.id) throw new Error('it does not fit', { cause: new Error('too long') });
    });
    const fine = aConsumer();
    await bus.subscribe({ ...everything, group: 'media', handle: failing.handle });
    await bus.subscribe({ ...everything, group: 'live-feed', handle: fine.handle });

    expect((await bus.publish([first, behind])).failed.size).toBe(0);
    await Promise.all([failing.untilDone(behind.id), fine.untilDone(first.id, behind.id)]);

    const attempts = failing.tries.filter(({ event }) => event.id === first.id).map(({ attempt }) => attempt);
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    expect(await transport.deadLetters()).toEqual([
      { event: first, group: 'media', error: 'it does not fit ← too long', attempts: MAX_DELIVERIES },
    ]);
    expect(fine.tries).toHaveLength(2);
  });

  it('makes no dead letters while the database is away, and keeps the order of a subject', async () => {
    await start();
    const events = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' })];
    let triesLeft = MAX_DELIVERIES;
    const consumer = aConsumer(() => {
      // As pg has it.
      if (triesLeft-- > 0) throw Object.assign(new Error('the database system is starting up'), { code: '57P03' });
    });
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });

    // As the relay does: what has failed is published again.
    for (let missing = events; missing.length > 0;) {
      const { failed } = await bus.publish(missing);
      missing = missing.filter(({ id }) => failed.has(id));
    }
    await consumer.untilDone(...ids(events));

    expect(consumer.done).toEqual(ids(events));
    expect(consumer.tries.map(({ attempt }) => attempt)).toEqual(Array(MAX_DELIVERIES + 2).fill(1));
    expect(await transport.deadLetters()).toEqual([]);
  });

  it('tries no further what nobody can handle', async () => {
    await start();
    const [poison, behind] = [anEvent({ subject: 'one', type: 'task.updated.v9' }), anEvent({ subject: 'one' })];
    const consumer = aConsumer(({ id }) => {
      if (id === poison.id) throw new PoisonEvent('version 9 is not known');
    });
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });

    await bus.publish([poison, behind]);
    await consumer.untilDone(behind.id);

    expect(consumer.tries).toHaveLength(2);
    expect(await transport.deadLetters()).toEqual([
      { event: poison, group: 'media', error: 'version 9 is not known', attempts: 1 },
    ]);
  });

  it('shares the events of a group among its members, in the order of each subject', async () => {
    await start();
    const events = Array.from({ length: 60 }, (_, index) => anEvent({ subject: `subject-${index % 6}` }));
    const order: string[] = [];
    const members = [0, 1].map(() => aConsumer(({ id }) => order.push(id)));
    const buses = [bus, transport.connect()];
    for (const [index, { handle }] of members.entries())
      await buses[index]?.subscribe({ ...everything, group: 'media', handle });

    await bus.publish(events);
    await until(() => order.length >= events.length);

    expect([...order].sort()).toEqual(ids(events).sort());
    for (let subject = 0; subject < 6; subject++) {
      const expected = ids(events.filter((event) => event.subject === `subject-${subject}`));
      expect(order.filter((id) => expected.includes(id))).toEqual(expected);
    }
  });

  it('gives an ephemeral group what is published while it is there', async () => {
    await start();
    const [first, second] = [aConsumer(), aConsumer()];
    const [before, during, after] = [anEvent(), anEvent(), anEvent()];
    const durable = aConsumer();
    await bus.subscribe({ ...everything, group: 'media', handle: durable.handle });
    await bus.publish([before]);
    const subscription = await bus.subscribe({
      ...everything,
      lifetime: 'ephemeral',
      group: 'gateway',
      handle: first.handle,
    });
    await bus.subscribe({ ...everything, lifetime: 'ephemeral', group: 'gateway', handle: second.handle });
    await bus.publish([during]);
    // Each process has its own: they do not share.
    await Promise.all([first.untilDone(during.id), second.untilDone(during.id)]);
    await subscription.close();
    await bus.publish([after]);
    await Promise.all([second.untilDone(after.id), durable.untilDone(before.id, during.id, after.id)]);

    expect(first.done).toEqual([during.id]);
    expect(second.done).toEqual([during.id, after.id]);
  });

  it('lets a handler finish when its subscription is closed, and gives it nothing more', async () => {
    await start();
    const [slow, behind] = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' })];
    const [begun, mayEnd] = [aGate(), aGate()];
    const consumer = aConsumer(async () => {
      begun.open();
      await mayEnd.passed;
    });
    const subscription = await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    const publishing = bus.publish([slow, behind]);
    await begun.passed;
    let closed = false;
    const closing = subscription.close().then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    mayEnd.open();
    await Promise.all([closing, publishing]);

    expect(consumer.done).toEqual([slow.id]);
  });

  it('answers when it is asked whether it is there, and takes nothing when it is closed', async () => {
    await start();
    await bus.ping();
    await bus.close();
    const event = anEvent();
    expect(await bus.publish([event])).toEqual({ published: [], failed: new Map([[event.id, expect.any(Error)]]) });
    await expect(bus.subscribe({ ...everything, group: 'media', handle: aConsumer().handle })).rejects.toThrow(
      'closed',
    );
    await expect(bus.ping()).rejects.toThrow('closed');
  });
}
