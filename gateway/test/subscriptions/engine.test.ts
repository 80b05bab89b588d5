import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import { connectClient, news, newsroom, PUBLISHED, type Newsroom } from './newsroom.js';

describe('a subscription', () => {
  let room: Newsroom;
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    room = newsroom();
    gateway = await startGateway(room.fakes);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('brings each event with what two other subgraphs know of it', async () => {
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'e1' }));
    feed.publish(news('2', { eventId: 'e2', author: 'b' }));
    expect(await results.next()).toEqual({
      data: { published: { id: '1', title: 'Title 1', author: { name: 'Ada' }, stars: 1 } },
      extensions: { eventId: 'e1' },
    });
    expect(await results.next()).toEqual({
      data: { published: { id: '2', title: 'Title 2', author: { name: 'Bob' }, stars: 2 } },
      extensions: { eventId: 'e2' },
    });
    results.stop();
    await feed.untilActive(0);
  });
});
