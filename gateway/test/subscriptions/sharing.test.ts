import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signTestToken, uuid7 } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import type { FakeFeed } from '../fake-subgraphs.js';
import { connectClient, news, newsroom, PUBLISHED } from './newsroom.js';

describe('equal subscriptions', () => {
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes);
    feed = gateway.subgraphs['news']!.feed;
  });
  let before = 0;
  beforeEach(async () => {
    await feed.untilActive(0);
    before = feed.subscriptions.length;
  });
  /** How many there were at the subgraph in this test. */
  const upstreams = () => feed.subscriptions.length - before;
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const entityFetches = () => gateway.subgraphs['ratings']!.requests.splice(0).length;
  /** Waits until the gateway has so many subscriptions of clients. */
  const untilClients = async (count: number) => {
    for (;;) {
      const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })).text();
      if (Number(/^taskgraph_gateway_subscriptions\{.*transport="websocket".*\} (\d+)/m.exec(metrics)?.[1]) === count)
        return;
    }
  };

  it('of nobody are one at the subgraph, and one run and text for each event', async () => {
    await using one = connectClient(gateway);
    await using other = connectClient(gateway);
    const all = [one.subscribe(PUBLISHED), one.subscribe(PUBLISHED), other.subscribe(PUBLISHED)];
    await untilClients(3);
    await feed.untilActive(1);
    entityFetches();
    feed.publish(news('1', { eventId: 's1' }));
    const results = await Promise.all(all.map((each) => each.next()));
    expect(results[0]?.data).toMatchObject({ published: { id: '1', stars: 1 } });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(entityFetches()).toBe(1);
    expect(upstreams()).toBe(1);
    expect(feed.sockets()).toBe(1);
    for (const each of all) each.stop();
  });

  it('of administrators are one at the subgraph, and run in the name of each', async () => {
    const tokens = [signTestToken({ role: 'ADMIN' }), signTestToken({ role: 'ADMIN' })];
    await using one = connectClient(gateway, { token: tokens[0]! });
    await using other = connectClient(gateway, { token: tokens[1]! });
    const all = [one.subscribe(PUBLISHED), other.subscribe(PUBLISHED)];
    await untilClients(2);
    await feed.untilActive(1);
    gateway.subgraphs['ratings']!.requests.splice(0);
    feed.publish(news('1', { eventId: 'a1' }));
    await Promise.all(all.map((each) => each.next()));
    const asked = gateway.subgraphs['ratings']!.requests.splice(0).map(({ headers }) => headers.authorization);
    expect(asked.sort()).toEqual(tokens.map((token) => `Bearer ${token}`).sort());
    expect(upstreams()).toBe(1);
    for (const each of all) each.stop();
  });

  it('of different users are different, and of one user one', async () => {
    const [ada, bob] = [uuid7(), uuid7()];
    const tokens = [ada, ada, bob].map((userId) => signTestToken({ userId }));
    const all = tokens.map((token) => connectClient(gateway, { token }).subscribe(PUBLISHED));
    await untilClients(3);
    await feed.untilActive(2);
    feed.publish(news('1', { eventId: 'u1' }));
    await Promise.all(all.map((each) => each.next()));
    expect(upstreams()).toBe(2);
    for (const each of all) each.stop();
  });

  it('with other variables or selections are not equal', async () => {
    await using client = connectClient(gateway);
    const query = 'subscription($t: String) { published(topic: $t) { id } }';
    const all = [
      client.subscribe(query, { variables: { t: 'a' } }),
      client.subscribe(query, { variables: { t: 'b' } }),
      client.subscribe('subscription($t: String) { published(topic: $t) { title } }', { variables: { t: 'b' } }),
    ];
    await feed.untilActive(3);
    for (const each of all) each.stop();
  });

  it('with the same part at the subgraph share it, whatever others are asked for', async () => {
    await using client = connectClient(gateway);
    const query = 'subscription S($more: Boolean!) { published { id stars @include(if: $more) } }';
    const all = [true, false].map((more) => client.subscribe(query, { variables: { more } }));
    await untilClients(2);
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'v1' }));
    expect((await all[0]!.next()).data).toEqual({ published: { id: '1', stars: 1 } });
    expect((await all[1]!.next()).data).toEqual({ published: { id: '1' } });
    for (const each of all) each.stop();
  });

  it('pass to another token when its owner leaves, unseen by those who stay', async () => {
    const tokens = [signTestToken({ role: 'ADMIN' }), signTestToken({ role: 'ADMIN' })];
    await using first = connectClient(gateway, { token: tokens[0]! });
    await using second = connectClient(gateway, { token: tokens[1]! });
    const leaving = first.subscribe(PUBLISHED);
    await feed.untilActive(1);
    const staying = second.subscribe(PUBLISHED);
    await untilClients(2);
    expect(feed.active()[0]?.init['authorization']).toBe(`Bearer ${tokens[0]}`);
    feed.publish(news('1', { eventId: 'm1' }));
    await Promise.all([leaving.next(), staying.next()]);
    leaving.stop();
    // For a moment there are two, so that no event falls between them.
    await feed.untilActive(2);
    feed.publish(news('2', { eventId: 'm2' }));
    await feed.untilActive(1);
    const [carrying] = feed.active();
    expect(carrying?.init['authorization']).toBe(`Bearer ${tokens[1]}`);
    expect(carrying?.lastEventId).toBe('m1');
    feed.publish(news('3', { eventId: 'm3' }));
    expect((await staying.next()).extensions).toEqual({ eventId: 'm2' });
    expect((await staying.next()).extensions).toEqual({ eventId: 'm3' });
    staying.stop();
  });

  it('go on with another token when the subgraph refuses one', async () => {
    const tokens = [signTestToken({ role: 'ADMIN' }), signTestToken({ role: 'ADMIN' })];
    await using first = connectClient(gateway, { token: tokens[0]! });
    await using second = connectClient(gateway, { token: tokens[1]! });
    const refused = first.subscribe(PUBLISHED);
    await feed.untilActive(1);
    const staying = second.subscribe(PUBLISHED);
    await untilClients(2);
    feed.refuseToken((authorization) => authorization === `Bearer ${tokens[0]}`);
    feed.close(4403, 'Forbidden');
    expect(await refused.ended).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' } }]);
    await feed.untilSeen(before + 2);
    feed.publish(news('1', { eventId: 't1' }));
    // What happened while neither carried it is lost here, and said to be.
    expect((await staying.next()).extensions).toEqual({ eventId: 't1', reconnected: true });
    feed.refuseToken(() => false);
    staying.stop();
  });
});
