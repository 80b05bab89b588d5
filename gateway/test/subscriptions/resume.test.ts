import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sumOfMetric } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest, type StartedSubgraph } from '../fake-subgraphs.js';
import { article, connectClient, news, newsroom, PUBLISHED } from './newsroom.js';

const IDS = 'subscription { published { id } }';

describe('a subscription whose subgraph goes away', () => {
  let gateway: GatewayUnderTest;
  let subgraph: StartedSubgraph;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes);
    subgraph = gateway.subgraphs['news']!;
  });
  beforeEach(async () => subgraph.feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('goes on after a restart with what happened in between, and says that it was away', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'r1' }));
    expect(await results.next()).toEqual({ data: { published: { id: '1' } }, extensions: { eventId: 'r1' } });
    await subgraph.stop();
    feed.publish(news('2', { eventId: 'r2' }));
    const before = feed.subscriptions.length;
    await subgraph.start();
    await feed.untilSeen(before + 1);
    expect(feed.subscriptions.at(-1)?.lastEventId).toBe('r1');
    expect(await results.next()).toEqual({
      data: { published: { id: '2' } },
      extensions: { eventId: 'r2', reconnected: true },
    });
    feed.publish(news('3', { eventId: 'r3' }));
    expect((await results.next()).extensions).toEqual({ eventId: 'r3' });
    const text = await (await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })).text();
    expect(sumOfMetric(text, 'taskgraph_gateway_subscription_reconnects_total', { subgraph: 'news' })).toBeGreaterThan(
      0,
    );
    results.stop();
  });

  it.each([1000, 1001, 1012, 4500 - 1])('comes back after a close with %i', async (code) => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    const before = feed.subscriptions.length;
    feed.publish(news('1', { eventId: `c${code}` }));
    await results.next();
    feed.close(code);
    await feed.untilSeen(before + 1);
    expect(feed.subscriptions.at(-1)?.lastEventId).toBe(`c${code}`);
    feed.publish(news('2', { eventId: `d${code}` }));
    expect((await results.next()).extensions).toEqual({ eventId: `d${code}`, reconnected: true });
    results.stop();
  });

  it('does not see an event twice that comes again after a resume', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    const before = feed.subscriptions.length;
    feed.publish(news('1', { eventId: 'twice' }));
    await results.next();
    feed.close(1012);
    await feed.untilSeen(before + 1);
    feed.publish(news('1', { eventId: 'twice' }));
    feed.publish(news('2', { eventId: 'once' }));
    expect(await results.next()).toEqual({
      data: { published: { id: '2' } },
      extensions: { eventId: 'once', reconnected: true },
    });
    results.stop();
  });

  it('comes back plainly where events have no ids', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    const before = feed.subscriptions.length;
    feed.publish(news('1'));
    await results.next();
    feed.cut();
    await feed.untilSeen(before + 1);
    expect(feed.subscriptions.at(-1)?.lastEventId).toBeUndefined();
    feed.publish(news('2'));
    expect((await results.next()).extensions).toEqual({ reconnected: true });
    results.stop();
  });

  it('begins where its client left off', async () => {
    const { feed } = subgraph;
    feed.publish(news('1', { eventId: 'k1' }));
    feed.publish(news('2', { eventId: 'k2' }));
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS, { lastEventId: 'k1' });
    expect((await results.next()).extensions).toEqual({ eventId: 'k2' });
    // Somebody who has missed nothing is not shown what the other had missed.
    const fresh = client.subscribe(IDS);
    await feed.untilActive(2);
    feed.publish(news('3', { eventId: 'k3' }));
    expect((await fresh.next()).extensions).toEqual({ eventId: 'k3' });
    expect((await results.next()).extensions).toEqual({ eventId: 'k3' });
    results.stop();
    fresh.stop();
  });

  it('brings what its client has missed, however much that is, in order and once', async () => {
    const { feed } = subgraph;
    const ids = Array.from({ length: 350 }, (_, index) => `m${index}`);
    for (const [index, eventId] of ids.entries()) feed.publish(news(String(index), { eventId }));
    await using client = connectClient(gateway);
    // Each event is answered with fetches, and comes faster than that.
    const results = client.subscribe(PUBLISHED, { lastEventId: 'm0' });
    for (const eventId of ids.slice(1)) expect((await results.next()).extensions).toEqual({ eventId });
    feed.publish(news('1', { eventId: 'live' }));
    expect((await results.next()).extensions).toEqual({ eventId: 'live' });
    results.stop();
  });

  it('does not end when more events come at once than may wait', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    const ids = Array.from({ length: 350 }, (_, index) => `b${index}`);
    for (const [index, eventId] of ids.entries()) feed.publish(news(String(index), { eventId }));
    for (const eventId of ids) expect((await results.next()).extensions).toEqual({ eventId });
    results.stop();
  });

  it('goes on when the subgraph lacks its database for a while, with what happened in between', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'u1' }));
    await results.next();
    feed.refuse([{ message: 'The database is away.', extensions: { code: 'UNAVAILABLE' } }]);
    const refused = feed.refusals();
    // An event that could not be told ends its subscription there, as a refusal does.
    feed.fail({ message: 'The database is away.', extensions: { code: 'UNAVAILABLE' } });
    feed.publish(news('2', { eventId: 'u2' }));
    while (feed.refusals() < refused + 2) await new Promise((resolve) => setImmediate(resolve));
    feed.refuse(null);
    expect((await results.next()).extensions).toEqual({ eventId: 'u2', reconnected: true });
    results.stop();
  });

  it('ends with what the subgraph says when that lasts too long', async () => {
    await using impatient = await startGateway(newsroom().fakes, { SUBSCRIPTION_RETRY_MS: '3000' });
    const { feed } = impatient.subgraphs['news']!;
    feed.refuse([{ message: 'Come later.', extensions: { code: 'UNAVAILABLE', reason: 'LIVE_FEED_UNAVAILABLE' } }]);
    await using client = connectClient(impatient);
    expect(await client.subscribe(IDS).ended).toMatchObject([
      { message: 'Come later.', extensions: { code: 'UNAVAILABLE', reason: 'LIVE_FEED_UNAVAILABLE' } },
    ]);
    expect(feed.refusals()).toBeGreaterThan(1);
  });

  it('ends with a fault that names the subgraph when it does not come back', async () => {
    await using impatient = await startGateway(newsroom().fakes, { SUBSCRIPTION_RETRY_MS: '500' });
    const { feed } = impatient.subgraphs['news']!;
    await using client = connectClient(impatient);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    await impatient.subgraphs['news']!.stop();
    expect(await results.ended).toEqual([
      {
        message: 'The news service is unavailable. Try again shortly.',
        extensions: { code: 'UNAVAILABLE', reason: 'CONNECTION', subgraph: 'news' },
      },
    ]);
  });

  it('ends at once when the subgraph does not understand it', async () => {
    const { feed } = subgraph;
    await using client = connectClient(gateway);
    const results = client.subscribe(IDS);
    await feed.untilActive(1);
    feed.close(4400, 'no');
    expect(await results.ended).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'BAD_RESPONSE' } }]);
  });

  it('ends when its next event has more bytes than are read, and others of the same token go on', async () => {
    await using narrow = await startGateway(newsroom().fakes, { SUBGRAPH_MAX_ANSWER_BYTES: '20000' });
    const { feed } = narrow.subgraphs['news']!;
    await using client = connectClient(narrow);
    const results = client.subscribe('subscription { published { id title } }');
    const others = client.subscribe(IDS);
    await feed.untilActive(2);
    feed.publish(news('1', { eventId: 'l1' }));
    for (const each of [results, others]) expect((await each.next()).extensions).toEqual({ eventId: 'l1' });
    feed.publish({ root: { published: { ...article('2'), title: 'x'.repeat(20_000) } }, id: 'l2' });
    expect(await results.ended).toEqual([
      {
        message: 'The news service is unavailable. Try again shortly.',
        extensions: { code: 'UNAVAILABLE', reason: 'ANSWER_TOO_LARGE', subgraph: 'news' },
      },
    ]);
    // The same event is small where the title is not selected; it is there already, or comes after the reconnection.
    expect((await others.next()).extensions).toMatchObject({ eventId: 'l2' });
    feed.publish(news('3', { eventId: 'l3' }));
    expect((await others.next()).extensions).toMatchObject({ eventId: 'l3' });
    others.stop();
  });
});
