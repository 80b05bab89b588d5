import type { PubSub } from '@google-cloud/pubsub';
import type { EventEnvelope } from '@taskgraph/contracts';
import { describe, expect, it } from '@jest/globals';
import { createPubSubPublisher } from './pubsub-publisher.js';

function eventOf(subject: string, number: number): EventEnvelope {
  return {
    id: `${subject}-${number}`,
    type: 'task.created.v1',
    source: 'task',
    subject,
    sequence: String(number),
    time: '2026-01-31T12:00:00.000Z',
    data: {},
  };
}

describe('publishing what has waited', () => {
  it('has so many subjects under way at once and no more, each in its order', async () => {
    const order: string[] = [];
    const underWay = new Map<string, number>();
    let most = 0;
    const topic = {
      async publishMessage({ orderingKey, attributes }: { orderingKey: string; attributes: { id: string } }) {
        order.push(attributes.id);
        underWay.set(orderingKey, (underWay.get(orderingKey) ?? 0) + 1);
        most = Math.max(most, [...underWay.values()].filter((count) => count > 0).length);
        await new Promise(setImmediate);
        underWay.set(orderingKey, (underWay.get(orderingKey) ?? 0) - 1);
      },
      resumePublishing: () => undefined,
    };
    const publisher = createPubSubPublisher({ topic: () => topic } as unknown as PubSub, '');
    const events = Array.from({ length: 2_000 }, (_, index) => eventOf(`subject-${index % 400}`, index));
    const results = await publisher.publish(events);
    expect(results.size).toBe(2_000);
    expect([...results.values()].filter((failure) => failure !== null)).toEqual([]);
    expect(most).toBe(32);
    for (const { subject } of events.slice(0, 400)) {
      const own = order.filter((id) => id.startsWith(`${subject}-`));
      expect(own).toEqual(events.filter((event) => event.subject === subject).map(({ id }) => id));
    }
  });

  it('goes on when calls never end: each gives its place to others in its time', async () => {
    let isHanging = true;
    const topic = {
      publishMessage: () => (isHanging ? new Promise(() => undefined) : Promise.resolve('id')),
      resumePublishing: () => undefined,
    };
    const publisher = createPubSubPublisher({ topic: () => topic } as unknown as PubSub, '', 50);
    const events = Array.from({ length: 100 }, (_, index) => eventOf(`subject-${index}`, index));
    const failed = await publisher.publish(events);
    expect([...failed.values()].filter((failure) => failure === null)).toEqual([]);
    isHanging = false;
    for (;;) {
      const results = await publisher.publish(events);
      if ([...results.values()].every((failure) => failure === null)) break;
    }
  });
});
