import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventEnvelope } from '@taskgraph/contracts';
import { hasPubSubEmulator, startPubSubEmulator, sumOfMetric, type PubSubEmulator } from '@taskgraph/testkit';
import { PoisonEvent, type DeadLetter, type EventBus } from '../src/events/event-bus.js';
import { createMemoryEventBus } from '../src/events/memory-event-bus.js';
import { openDeadLetterBox } from '../src/events/pubsub-dead-letter-box.js';
import { createPubSubEventBus } from '../src/events/pubsub-event-bus.js';
import { createLog } from '../src/log.js';
import { createMetrics, type Metrics } from '../src/metrics.js';
import { behavesAsEventBus, everything, ids, ready, type Transport } from './event-bus-suite.js';
import { aConsumer, aGate, anEvent, until } from './event-consumer.js';

const log = createLog({ service: 'test', level: 'silent' });
// The library would look for Google's metadata server, which an emulator does not need.
process.env['METADATA_SERVER_DETECTION'] = 'none';
const RETRY_DELAY_MS = 5;

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
    const bus = open({
      onDeadLetter: async () => {
        throw new Error('the database is away');
      },
    }).connect();
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
  function open(): Transport & { readonly projectId: string; connect(metrics?: Metrics): EventBus; raw(): PubSub } {
    const projectId = `p-${randomUUID()}`;
    const ends: Array<() => Promise<unknown>> = [];
    return {
      projectId,
      connect(metrics: Metrics = createMetrics('test')) {
        const bus = createPubSubEventBus({ projectId, log, groups: [], retryDelayMs: RETRY_DELAY_MS, metrics });
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
    const bus = await ready(ends.connect());
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
    const bus = await ready(createPubSubEventBus({ projectId: ends.projectId, log }));
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
    const bus = await ready(ends.connect());
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

  it('gives the events of a process that was killed to the next of the group, each subject of them', async () => {
    await using ends = closing(open());
    const bus = await ready(createPubSubEventBus({ projectId: ends.projectId, log }));
    const events = Array.from({ length: 16 }, (_, index) => anEvent({ subject: `subject ${index}` }));
    await bus.publish(events);
    // It holds all of them when it is killed.
    const program = new URL('./stuck-consumer.mjs', import.meta.url).pathname;
    const child = spawn(process.execPath, [program, ends.projectId], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env },
    });
    const held: string[] = [];
    for await (const line of createInterface(child.stdout)) if (held.push(line) === events.length) break;
    expect(held).toHaveLength(events.length);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const next = aConsumer();
    await ends.connect().subscribe({ ...everything, group: 'media', handle: next.handle });
    await next.untilDone(...ids(events));
    const later = events.map(({ subject }) => anEvent({ subject }));
    await bus.publish(later);
    await next.untilDone(...ids(later));
    await bus.close();
  });

  it('sends what filters and readers without our code need', async () => {
    await using ends = closing(open());
    const raw = ends.raw();
    const bus = await ready(ends.connect());
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
    const metrics = createMetrics('test');
    const bus = await ready(ends.connect(metrics));
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
    // One that comes again, before it is acknowledged, is counted again.
    const labels = { group: 'media', topic: 'task-events' };
    const text = await metrics.registry.metrics();
    expect(sumOfMetric(text, 'taskgraph_pubsub_dead_letters_total', labels)).toBeGreaterThanOrEqual(3);
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
        await expect(
          receiver.subscribe({ ...everything, group: 'media', handle: aConsumer().handle }),
        ).rejects.toMatchObject({ code: 5 });
        let forgotten = 0;
        const prepare = () => publisher.prepare('task', async () => void (forgotten += 1));
        await prepare();
        await prepare();
        expect(forgotten).toBe(1);
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
        // It says that it has forgotten everything, also when it is asked again because that was not put down.
        expect([...(await publisher.publish(events)).failed.keys()].sort()).toEqual(ids(events).sort());
        const interrupted = publisher.prepare('task', () => Promise.reject(new Error('killed')));
        await expect(interrupted).rejects.toThrow('killed');
        await prepare();
        expect(forgotten).toBe(2);
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
