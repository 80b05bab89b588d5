import { randomUUID } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventEnvelope } from '@taskgraph/contracts';
import { hasPubSubEmulator, startPubSubEmulator, type PubSubEmulator } from '@taskgraph/testkit';
import { MAX_DELIVERIES, PoisonEvent, type DeadLetter, type EventBus } from '../src/events/event-bus.js';
import { createMemoryEventBus } from '../src/events/memory-event-bus.js';
import { openDeadLetterBox } from '../src/events/pubsub-dead-letter-box.js';
import { createPubSubEventBus } from '../src/events/pubsub-event-bus.js';
import { createLog } from '../src/log.js';
import { aConsumer, aGate, anEvent, until } from './event-consumer.js';

const log = createLog({ service: 'test', level: 'silent' });
const RETRY_DELAY_MS = 5;

/** One transport, empty at the start of each test. */
interface Transport {
  /** As another process does. */
  connect(): EventBus;
  deadLetters(): Promise<DeadLetter[]>;
  close(): Promise<void>;
}

const ids = (events: readonly EventEnvelope[]) => events.map(({ id }) => id);
const everything = { topics: ['task-events'], lifetime: 'durable' } as const;

/** What every event bus does. */
function behavesAsEventBus(open: () => Transport) {
  let transport: Transport;
  let bus: EventBus;
  const start = () => {
    transport = open();
    bus = transport.connect();
  };
  afterEach(async () => {
    await transport.close();
  });

  it('gives each event to every group of its topic, once, as it was published', async () => {
    start();
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
    start();
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
    start();
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

  it('tries no further what nobody can handle', async () => {
    start();
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
    start();
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
    start();
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
    start();
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
    start();
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

describe('an event bus in this process', () => {
  function open(options: Partial<Parameters<typeof createMemoryEventBus>[0]> = {}): Transport {
    const letters: DeadLetter[] = [];
    const onDeadLetter = async (letter: DeadLetter) => void letters.push(letter);
    const bus = createMemoryEventBus({ log, onDeadLetter, retryDelayMs: RETRY_DELAY_MS, ...options });
    return { connect: () => bus, deadLetters: async () => letters, close: () => bus.close() };
  }

  behavesAsEventBus(open);

  it('has published an event when every durable group is done with it, and does not wait for others', async () => {
    const bus = open().connect();
    const mayEnd = aGate();
    const [slow, stuck] = [aConsumer(() => mayEnd.passed), aConsumer(() => new Promise(() => undefined))];
    await bus.subscribe({ ...everything, group: 'media', handle: slow.handle });
    await bus.subscribe({ ...everything, lifetime: 'ephemeral', group: 'gateway', handle: stuck.handle });
    const event = anEvent();
    let published = false;
    const publishing = bus.publish([event]).then(() => (published = true));
    await until(() => slow.tries.length === 1 && stuck.tries.length === 1);
    expect(published).toBe(false);
    mayEnd.open();
    await publishing;
    expect(slow.done).toEqual([event.id]);
  });

  it('publishes nothing while a durable group is away, so that the outbox keeps it', async () => {
    const bus = open({ groups: [{ group: 'media', topics: ['task-events'] }] }).connect();
    const [event, elsewhere] = [anEvent(), anEvent({ source: 'media' })];
    const other = aConsumer();
    await bus.subscribe({ ...everything, group: 'live-feed', handle: other.handle });
    // It has not come yet.
    const outcome = await bus.publish([event, elsewhere]);
    expect(outcome.published).toEqual([elsewhere.id]);
    expect(outcome.failed.get(event.id)?.message).toBe('group media is away');
    // It comes, and goes.
    const media = aConsumer();
    const subscription = await bus.subscribe({ ...everything, group: 'media', handle: media.handle });
    await subscription.close();
    expect((await bus.publish([event])).published).toEqual([]);
    expect(other.tries).toEqual([]);
    // It comes again.
    await bus.subscribe({ ...everything, group: 'media', handle: media.handle });
    expect((await bus.publish([event])).published).toEqual([event.id]);
    expect(media.done).toEqual([event.id]);
    expect(other.done).toEqual([event.id]);
    await bus.close();
  });

  it('has not published what could not be kept as a dead letter, nor what comes behind it', async () => {
    const { connect } = open({
      onDeadLetter: async () => {
        throw new Error('the database is away');
      },
    });
    const bus = connect();
    const [bad, behind, other] = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' }), anEvent()];
    const consumer = aConsumer(({ id }) => {
      if (id === bad.id) throw new PoisonEvent('no');
    });
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    const { published, failed } = await bus.publish([bad, behind, other]);
    expect(published).toEqual([other.id]);
    expect([...failed].map(([id, { message }]) => [id, message])).toEqual([
      [bad.id, 'the database is away'],
      [behind.id, 'the database is away'],
    ]);
    expect(consumer.done).toEqual([other.id]);
    await bus.close();
  });

  it('gives the dead letter to its subscription where that says how to keep it', async () => {
    const transport = open();
    const bus = transport.connect();
    const kept: DeadLetter[] = [];
    await bus.subscribe({
      ...everything,
      group: 'media',
      handle: async () => {
        throw new PoisonEvent('no');
      },
      onDeadLetter: async (letter) => void kept.push(letter),
    });
    const event = anEvent();
    expect((await bus.publish([event])).published).toEqual([event.id]);
    expect(kept).toEqual([{ event, group: 'media', error: 'no', attempts: 1 }]);
    expect(await transport.deadLetters()).toEqual([]);
    await bus.close();
  });

  it('hands an event over when the member that was trying it leaves, and counts on', async () => {
    const bus = open({ retryDelayMs: 60_000 }).connect();
    const [leaving, staying] = [
      aConsumer(() => {
        throw new Error('not here');
      }),
      aConsumer(),
    ];
    const subscription = await bus.subscribe({ ...everything, group: 'media', handle: leaving.handle });
    await bus.subscribe({ ...everything, group: 'media', handle: staying.handle });
    const event = anEvent();
    const publishing = bus.publish([event]);
    await until(() => leaving.tries.length === 1);
    await subscription.close();
    expect((await publishing).published).toEqual([event.id]);
    expect(staying.tries).toEqual([{ event, attempt: 2 }]);
    await bus.close();
  });

  it('handles a bounded number of events at once', async () => {
    const bus = open().connect();
    const mayEnd = aGate();
    let [running, most] = [0, 0];
    const consumer = aConsumer(async () => {
      most = Math.max(most, ++running);
      await mayEnd.passed;
      running--;
    });
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    const publishing = bus.publish(Array.from({ length: 100 }, () => anEvent()));
    await until(() => running === 16);
    mayEnd.open();
    expect((await publishing).published).toHaveLength(100);
    expect(most).toBe(16);
    await bus.close();
  });
});

(hasPubSubEmulator() ? describe : describe.skip)('an event bus on Pub/Sub', () => {
  let emulator: PubSubEmulator;
  beforeAll(async () => {
    emulator = await startPubSubEmulator();
    process.env['PUBSUB_EMULATOR_HOST'] = emulator.host;
  });
  afterAll(async () => {
    delete process.env['PUBSUB_EMULATOR_HOST'];
    await emulator.stop();
  });

  /** A project of its own: the emulator keeps them apart. */
  function open(): Transport & { readonly projectId: string; raw(): PubSub } {
    const projectId = `p-${randomUUID()}`;
    const ends: Array<() => Promise<unknown>> = [];
    return {
      projectId,
      connect() {
        const bus = createPubSubEventBus({ projectId, log, groups: [], retryDelayMs: RETRY_DELAY_MS });
        ends.push(() => bus.close());
        return bus;
      },
      raw() {
        const client = new PubSub({ projectId });
        ends.push(() => client.close());
        return client;
      },
      async deadLetters() {
        const box = await openDeadLetterBox({ projectId });
        try {
          const letters = await box.list();
          return letters.map(({ event, group, error, attempts }) => ({
            event: event as EventEnvelope,
            group,
            error,
            attempts,
          }));
        } finally {
          await box.close();
        }
      },
      async close() {
        await Promise.all(ends.map((end) => end()));
      },
    };
  }

  behavesAsEventBus(open);

  it('keeps events for a durable group while it is away', async () => {
    await using ends = closing(open());
    const bus = ends.connect();
    const consumer = aConsumer();
    const subscription = await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    await subscription.close();
    const events = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' })];
    expect((await bus.publish(events)).published).toEqual(ids(events));
    expect(consumer.tries).toEqual([]);
    await ends.connect().subscribe({ ...everything, group: 'media', handle: consumer.handle });
    await consumer.untilDone(...ids(events));
    expect(consumer.done).toEqual(ids(events));
  });

  it('keeps events for the groups of the services before those have ever run', async () => {
    await using ends = closing(open());
    const bus = createPubSubEventBus({ projectId: ends.projectId, log });
    const event = anEvent();
    expect((await bus.publish([event])).published).toEqual([event.id]);
    const consumer = aConsumer();
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    await consumer.untilDone(event.id);
    await bus.close();
  });

  it('gives back what it has not begun when it is closed, to the next of the group', async () => {
    await using ends = closing(open());
    const [slow, behind] = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' })];
    const [begun, mayEnd] = [aGate(), aGate()];
    const first = aConsumer(async () => {
      begun.open();
      await mayEnd.passed;
    });
    const bus = ends.connect();
    const subscription = await bus.subscribe({ ...everything, group: 'media', handle: first.handle });
    await bus.publish([slow, behind]);
    await begun.passed;
    const next = aConsumer();
    await ends.connect().subscribe({ ...everything, group: 'media', handle: next.handle });
    const closed = subscription.close();
    mayEnd.open();
    await closed;
    await next.untilDone(behind.id);
    expect(first.done).toEqual([slow.id]);
    expect(next.done).toEqual([behind.id]);
  });

  it('sends what filters and readers without our code need', async () => {
    await using ends = closing(open());
    const raw = ends.raw();
    const bus = ends.connect();
    await bus.publish([]);
    const [topic] = await raw.topic('task-events').get();
    const [subscription] = await topic.createSubscription('reader');
    const arrived = new Promise<{ attributes: object; orderingKey?: string; data: Buffer }>((resolve) =>
      subscription.on('message', (message) => {
        message.ack();
        resolve(message);
      }),
    );
    const event = anEvent({ type: 'task.media-attached.v1' });
    await bus.publish([event]);
    const { attributes, orderingKey, data } = await arrived;
    await subscription.close();
    expect(attributes).toEqual({
      eventType: 'MEDIA_ATTACHED',
      type: 'task.media-attached.v1',
      id: event.id,
      source: 'task',
    });
    expect(orderingKey).toBe(event.subject);
    expect(JSON.parse(data.toString())).toEqual(event);
  });

  it('makes a dead letter of what is no event, and goes on', async () => {
    await using ends = closing(open());
    const bus = ends.connect();
    const consumer = aConsumer();
    await bus.subscribe({ ...everything, group: 'media', handle: consumer.handle });
    const topic = ends.raw().topic('task-events', { messageOrdering: true });
    await topic.publishMessage({ data: Buffer.from([0xff, 0x00]) });
    await topic.publishMessage({ data: Buffer.from('{"id":"1"}'), orderingKey: 'one' });
    await topic.publishMessage({ attributes: { only: 'attributes' } });
    const event = anEvent({ subject: 'one' });
    await bus.publish([event]);
    await consumer.untilDone(event.id);
    await until(async () => (await ends.deadLetters()).length === 3);
    expect(await ends.deadLetters()).toEqual(
      Array.from({ length: 3 }, () => ({ event: null, group: 'media', error: 'this is no event', attempts: 1 })),
    );
    expect(consumer.tries).toHaveLength(1);
  });
});

describe('a Pub/Sub that is away', () => {
  (hasPubSubEmulator() ? it : it.skip)(
    'fails what is published in a bounded time, and is used again when it is back, though it has forgotten everything',
    async () => {
      const emulator = await startPubSubEmulator();
      process.env['PUBSUB_EMULATOR_HOST'] = emulator.host;
      const projectId = `p-${randomUUID()}`;
      const [publisher, receiver] = [0, 1].map(() =>
        createPubSubEventBus({ projectId, log, retryDelayMs: RETRY_DELAY_MS }),
      ) as [EventBus, EventBus];
      try {
        const [durable, ephemeral] = [aConsumer(), aConsumer()];
        await receiver.subscribe({ ...everything, group: 'media', handle: durable.handle });
        await receiver.subscribe({ ...everything, lifetime: 'ephemeral', group: 'gateway', handle: ephemeral.handle });
        const before = anEvent();
        await publisher.publish([before]);
        await Promise.all([durable.untilDone(before.id), ephemeral.untilDone(before.id)]);

        await emulator.stop();
        const events = [anEvent({ subject: 'one' }), anEvent({ subject: 'one' }), anEvent()];
        const startedAt = performance.now();
        const { published, failed } = await publisher.publish(events);
        expect(performance.now() - startedAt).toBeLessThan(15_000);
        expect(published).toEqual([]);
        expect([...failed.keys()].sort()).toEqual(ids(events).sort());
        await expect(publisher.ping()).rejects.toThrow('ECONNREFUSED');

        await emulator.start();
        await until(() =>
          publisher.ping().then(
            () => true,
            () => false,
          ),
        );
        // As the relay does: what has failed is published again.
        let missing = events;
        while (missing.length > 0) {
          const outcome = await publisher.publish(missing);
          missing = missing.filter(({ id }) => outcome.failed.has(id));
        }
        await durable.untilDone(...ids(events));
        expect(durable.done.filter((id) => events.slice(0, 2).some((event) => event.id === id))).toEqual(
          ids(events.slice(0, 2)),
        );
        // A restarted emulator has no memory of who was there for a time only: it gets what comes from now on.
        const later = anEvent();
        await until(async () => {
          await publisher.publish([{ ...later, id: randomUUID() }]);
          return ephemeral.tries.some(({ event }) => event.subject === later.subject);
        });
      } finally {
        await Promise.all([publisher.close(), receiver.close()]);
        delete process.env['PUBSUB_EMULATOR_HOST'];
        await emulator.stop();
      }
    },
    60_000,
  );
});

function closing<T extends Transport>(transport: T): T & AsyncDisposable {
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}
