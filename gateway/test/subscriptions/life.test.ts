import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import { connectClient, news, newsroom, PUBLISHED } from './newsroom.js';
import { openSocket, subscribe } from './raw-socket.js';

describe('a gateway that stops', () => {
  it('closes connections with 1012 after what is under way, ends streams, and does not wait', async () => {
    const room = newsroom();
    const held: Array<() => void> = [];
    let hold = false;
    const [newsFake, authors, ratings] = room.fakes;
    const slow = {
      ...authors!,
      resolvers: {
        Author: {
          __resolveReference: async ({ id }: { id: string }) => {
            if (hold) await new Promise<void>((resolve) => held.push(resolve));
            return { id, name: 'Ada' };
          },
        },
      },
    };
    await using gateway = await startGateway([newsFake!, slow, ratings!]);
    const { feed } = gateway.subgraphs['news']!;
    await using subscriber = await openSocket(gateway);
    subscriber.send(subscribe('s', PUBLISHED));
    await using asking = await openSocket(gateway);
    const stream = (accept: string) =>
      fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query: 'subscription { strict { id } }' }),
      });
    const [parts, events] = await Promise.all([
      stream('multipart/mixed;subscriptionSpec="1.0"'),
      stream('text/event-stream'),
    ]);
    await feed.untilActive(2);
    // A query and an event are under way.
    hold = true;
    asking.send(subscribe('q', '{ article(id: "1") { author { name } } }'));
    feed.publish({ ...news('1'), where: ({ query }) => query.includes('published') });
    while (held.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const startedAt = performance.now();
    const closed = gateway.service.close();
    for (const release of held) release();
    expect(await subscriber.next()).toMatchObject({
      type: 'next',
      id: 's',
      payload: { data: { published: { id: '1' } } },
    });
    expect(await subscriber.closed).toEqual({ code: 1012, reason: 'Service restart' });
    expect(await asking.next()).toMatchObject({ type: 'next', id: 'q' });
    expect(await asking.next()).toEqual({ type: 'complete', id: 'q' });
    expect((await asking.closed).code).toBe(1012);
    expect(await parts.text()).toMatch(/"payload":null.*"SERVICE_RESTART".*\r\n--graphql--\r\n$/s);
    // Without a last event, clients come back.
    expect(await events.text()).toBe(':\n\n');
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(feed.active()).toEqual([]);
  });

  it('is followed by the next one, to which graphql-ws clients come back', async () => {
    await using first = await startGateway(newsroom().fakes);
    await using second = await startGateway(newsroom().fakes);
    const urls = [first.url, second.url];
    await using client = connectClient(first, {
      url: () => `${urls.shift()!.replace('http', 'ws')}/graphql`,
      retryAttempts: 1,
      retryWait: async () => undefined,
    });
    const results = client.subscribe(PUBLISHED);
    await first.subgraphs['news']!.feed.untilActive(1);
    await first.service.close();
    const { feed } = second.subgraphs['news']!;
    await feed.untilActive(1);
    feed.publish(news('1'));
    expect((await results.next()).data).toMatchObject({ published: { id: '1' } });
    results.stop();
  });
});

async function reload(gateway: GatewayUnderTest, change: (sdl: string) => string, field: string): Promise<void> {
  await writeFile(gateway.supergraphPath, change(await readFile(gateway.supergraphPath, 'utf8')));
  for (;;) {
    const { body } = await gateway.run('{ __schema { types { name fields { name } } } }');
    const types = body.data.__schema.types as Array<{ fields: Array<{ name: string }> | null }>;
    const isThere = types.some(({ fields }) => fields?.some(({ name }) => name === field));
    if (isThere) return;
  }
}

describe('a supergraph that changes', () => {
  it('lets subscriptions go on that it still serves, with its own plans, and ends the others', async () => {
    await using gateway = await startGateway(newsroom().fakes);
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const going = client.subscribe(PUBLISHED);
    const ending = client.subscribe('subscription { strict { id } }');
    await feed.untilActive(2);
    const seen = feed.subscriptions.length;
    feed.publish(news('1', { eventId: 'h1' }));
    await going.next();
    await reload(
      gateway,
      (sdl) =>
        sdl
          .replace(/^ {2}strict: Article!.*$/m, '')
          .replace('stars: Int', 'moons: Int @join__field(graph: RATINGS)\n  stars: Int'),
      'moons',
    );
    expect(await ending.ended).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    await feed.untilActive(1);
    feed.publish(news('2', { eventId: 'h2' }));
    expect(await going.next()).toEqual({
      data: { published: { id: '2', title: 'Title 2', author: { name: 'Ada' }, stars: 2 } },
      extensions: { eventId: 'h2' },
    });
    // The same part at the subgraph: it was not subscribed to again.
    expect(feed.subscriptions).toHaveLength(seen);
    going.stop();
  });

  it('is asked again for who may see what', async () => {
    await using gateway = await startGateway(newsroom().fakes);
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe('subscription { published { id } }');
    await feed.untilActive(1);
    await reload(
      gateway,
      (sdl) =>
        sdl
          .replace(/^( {2}published\(topic: String\): Article)/m, '$1 @authenticated')
          .replace('stars: Int', 'moons: Int @join__field(graph: RATINGS)\n  stars: Int'),
      'moons',
    );
    expect(await results.ended).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED', cause: 'TOKEN_MISSING' } }]);
  });
});

describe('what operators see of a subscription', () => {
  it('is a line when it starts and one when it ends, and metrics', async () => {
    const lines: Array<Record<string, unknown>> = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
    const log = createLog({ service: 'gateway', level: 'info', destination });
    await using gateway = await startGateway(newsroom().fakes, {}, { log });
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    feed.publish(news('1'));
    await results.next();
    const metrics = async () => (await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })).text();
    const during = await metrics();
    expect(during).toContain('taskgraph_gateway_subscriptions{transport="websocket",service="gateway"} 1');
    expect(during).toContain('taskgraph_gateway_subgraph_subscriptions{subgraph="news",service="gateway"} 1');
    expect(during).toContain('taskgraph_gateway_websockets{service="gateway"} 1');
    expect(during).toContain('taskgraph_gateway_subscription_events_total{service="gateway"} 1');
    results.stop();
    await feed.untilActive(0);
    expect(lines.filter(({ msg }) => String(msg).startsWith('subscription '))).toMatchObject([
      { msg: 'subscription started', operation: 'Published', transport: 'websocket' },
      { msg: 'subscription ended', operation: 'Published', transport: 'websocket', events: 1, reason: 'client-left' },
    ]);
    expect(await metrics()).toMatch(/reason="client-left"[^}]*\} [1-9]/);
  });
});
