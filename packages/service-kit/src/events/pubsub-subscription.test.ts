import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '../log.js';
import { createMetrics } from '../metrics.js';
import { openPubSubSubscription, type PubSubSubscriptionOptions } from './pubsub-subscription.js';
import { createPubSubTelemetry } from './pubsub-telemetry.js';

/** Pub/Sub as far as a subscription sees it: it counts deliveries, and brings again what is given back. */
function fakePubSub() {
  const queue: Array<{ readonly id: string; deliveries: number }> = [];
  const acknowledged: string[] = [];
  let stream: EventEmitter | null = null;
  const deliverAll = () => {
    for (const entry of stream ? queue.splice(0) : []) {
      entry.deliveries += 1;
      const { id } = entry;
      const envelope = {
        id,
        type: 'media.deleted.v1',
        source: 'media',
        subject: 'one subject',
        sequence: '1',
        time: '2026-01-31T12:00:00.000Z',
        data: {},
      };
      stream?.emit('message', {
        id,
        orderingKey: 'one subject',
        data: Buffer.from(JSON.stringify(envelope)),
        deliveryAttempt: entry.deliveries,
        ack: () => acknowledged.push(id),
        nack: () => queue.push(entry),
      });
    }
  };
  const library = {
    Duration: { from: () => ({}) },
    SubscriptionCloseBehaviors: { WaitForProcessing: 'WAIT' },
  };
  const client = {
    subscription: () => {
      stream = new EventEmitter();
      queueMicrotask(deliverAll);
      return Object.assign(stream, { close: async () => void (stream = null) });
    },
  };
  return {
    acknowledged,
    queue,
    breakStream: () => stream?.emit('error', new Error('the network is gone')),
    publish: (ids: readonly string[]) => void queue.push(...ids.map((id) => ({ id, deliveries: 0 }))),
    parts: { library, client } as unknown as Pick<PubSubSubscriptionOptions, 'library' | 'client'>,
  };
}

const IDS = Array.from({ length: 5 }, (_, index) => `019ac0de-7a11-7000-8000-00000000000${index}`);

describe('a backlog that outlives processes', () => {
  it('is buried by no number of them, only by tries of a handler', async () => {
    const pubsub = fakePubSub();
    const buried: unknown[] = [];
    const open = (handle: PubSubSubscriptionOptions['handle']) =>
      openPubSubSubscription({
        ...pubsub.parts,
        group: 'task',
        topic: 'media-events',
        name: 'media-events.task',
        handle,
        retryDelayMs: 0,
        bury: async (_data, facts) => void buried.push(facts),
        ensure: async () => undefined,
        log: createLog({ service: 'test', level: 'silent' }),
        telemetry: createPubSubTelemetry(undefined),
      });

    pubsub.publish(IDS);
    // Each process gets all, begins with the first, and is stopped; the others were never looked at.
    for (let process = 0; process < 8; process += 1) {
      let begun: () => void = () => undefined;
      const hasBegun = new Promise<void>((resolve) => (begun = resolve));
      let stop: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => (stop = resolve));
      const subscription = open(async () => {
        begun();
        await stopped;
        throw new Error('the process stops');
      });
      await hasBegun;
      const closing = subscription.close();
      stop();
      await closing;
      expect(pubsub.queue).toHaveLength(IDS.length);
    }
    expect(buried).toEqual([]);

    // One failure is one try, whatever Pub/Sub has counted.
    let failures = 0;
    let done: () => void = () => undefined;
    const allDone = new Promise<void>((resolve) => (done = resolve));
    const handled: string[] = [];
    const subscription = open(async ({ id }, { attempt }) => {
      if (id === IDS[0] && failures < 2) {
        failures += 1;
        expect(attempt).toBe(failures);
        throw new Error('not yet');
      }
      handled.push(id);
      if (handled.length === IDS.length) done();
    });
    await allDone;
    await subscription.close();
    expect([...handled].sort()).toEqual(IDS);
    expect([...pubsub.acknowledged].sort()).toEqual(IDS);
    expect(buried).toEqual([]);
  });
});

describe('a stream that the library gives up', () => {
  it('is opened anew when the subscription is there, and counted once', async () => {
    const pubsub = fakePubSub();
    const metrics = createMetrics('test');
    let ensured = 0;
    let arrived: () => void = () => undefined;
    const hasArrived = new Promise<void>((resolve) => (arrived = resolve));
    const subscription = openPubSubSubscription({
      ...pubsub.parts,
      group: 'task',
      topic: 'media-events',
      name: 'media-events.task',
      handle: async () => arrived(),
      retryDelayMs: 0,
      bury: async () => undefined,
      ensure: async () => void (ensured += 1),
      log: createLog({ service: 'test', level: 'silent' }),
      telemetry: createPubSubTelemetry(metrics),
    });
    // The first stream has looked, and found nothing.
    await Promise.resolve();
    pubsub.breakStream();
    pubsub.breakStream();
    // What comes meanwhile waits for the next stream.
    pubsub.publish(IDS.slice(0, 1));
    await hasArrived;
    await subscription.close();
    expect(ensured).toBe(1);
    const lost = /^taskgraph_pubsub_streams_lost_total\{group="task",topic="media-events".*\} 1$/m;
    expect(await metrics.registry.metrics()).toMatch(lost);
  });
});
