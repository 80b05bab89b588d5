import { describe, expect, it } from '@jest/globals';
import { signTestToken, sumOfMetric, uuid7 } from '@taskgraph/testkit';
import { WebSocket } from 'ws';
import { startGateway } from '../fake-subgraphs.js';
import { connectClient, news, newsroom, PUBLISHED, webSocketUrl } from './newsroom.js';
import { openSocket, subscribe } from './raw-socket.js';

const IDS = 'subscription { published { id title } }';

describe('limits of subscriptions', () => {
  it('are those of a connection', async () => {
    await using gateway = await startGateway(newsroom().fakes, { WEBSOCKET_MAX_OPERATIONS: '2' });
    await using socket = await openSocket(gateway);
    socket.send(subscribe('1', IDS));
    socket.send(subscribe('2', IDS));
    socket.send(subscribe('3', '{ __typename }'));
    expect(await socket.next()).toMatchObject({
      type: 'error',
      id: '3',
      payload: [{ extensions: { code: 'RATE_LIMITED', reason: 'TOO_MANY_OPERATIONS' } }],
    });
    socket.send({ type: 'complete', id: '1' });
    socket.send(subscribe('4', '{ __typename }'));
    expect(await socket.next()).toMatchObject({ type: 'next', id: '4' });
  });

  it('are those of a user over all connections, and others have their own', async () => {
    await using gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_MAX_PER_USER: '1' });
    const userId = uuid7();
    await using one = connectClient(gateway, { token: signTestToken({ userId }) });
    await using other = connectClient(gateway, { token: signTestToken({ userId }) });
    await using bob = connectClient(gateway, { token: signTestToken() });
    const { feed } = gateway.subgraphs['news']!;
    const first = one.subscribe(IDS);
    await feed.untilActive(1);
    expect(await other.subscribe(IDS).ended).toMatchObject([
      { extensions: { code: 'RATE_LIMITED', reason: 'TOO_MANY_SUBSCRIPTIONS' } },
    ]);
    const his = bob.subscribe(IDS);
    await feed.untilActive(2);
    first.stop();
    await feed.untilActive(1);
    const again = other.subscribe(IDS);
    await feed.untilActive(2);
    again.stop();
    his.stop();
  });

  it('are those of the process, for every transport', async () => {
    await using gateway = await startGateway(newsroom().fakes, {
      SUBSCRIPTION_MAX: '1',
      WEBSOCKET_MAX_CONNECTIONS: '1',
    });
    await using socket = await openSocket(gateway);
    socket.send(subscribe('1', IDS));
    await gateway.subgraphs['news']!.feed.untilActive(1);
    socket.send(subscribe('2', IDS));
    expect((await socket.next()).payload[0].extensions).toMatchObject({ code: 'UNAVAILABLE', reason: 'OVERLOADED' });
    const overHttp = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'multipart/mixed;subscriptionSpec="1.0", application/graphql-response+json',
        connection: 'close',
      },
      body: JSON.stringify({ query: IDS }),
    });
    expect([overHttp.status, await overHttp.json()]).toMatchObject([
      503,
      { errors: [{ extensions: { code: 'UNAVAILABLE', reason: 'OVERLOADED' } }] },
    ]);
    const third = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws');
    const { message } = await new Promise<Error>((resolve) => third.once('error', resolve));
    expect(message).toBe('Unexpected server response: 503');
  });
});

describe('a client that reads too slowly', () => {
  it('is closed with 1013 over WebSocket, and others have every event', async () => {
    await using gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_MAX_BUFFERED_BYTES: '65536' });
    const { feed } = gateway.subgraphs['news']!;
    await using slow = await openSocket(gateway);
    await using quick = connectClient(gateway);
    slow.send(subscribe('1', IDS));
    const results = quick.subscribe(IDS);
    await feed.untilActive(1);
    while (
      !(await metrics(gateway.url)).includes(
        'taskgraph_gateway_subscriptions{transport="websocket",service="gateway"} 2',
      )
    );
    slow.socket.pause();
    const title = 'x'.repeat(100_000);
    let sent = 0;
    // The kernel's buffers take some before the gateway's own fills.
    while ((await slowConsumers(gateway.url)) === 0) {
      sent += 1;
      feed.publish({ root: { published: { id: String(sent), title } } });
      expect((await results.next()).data?.['published']).toMatchObject({ id: String(sent) });
    }
    slow.socket.resume();
    expect((await slow.closed).code).toBe(1013);
    feed.publish(news('last'));
    expect((await results.next()).data?.['published']).toMatchObject({ id: 'last' });
    results.stop();
  });

  it('is ended with a fault over HTTP', async () => {
    await using gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_MAX_BUFFERED_BYTES: '65536' });
    const { feed } = gateway.subgraphs['news']!;
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', connection: 'close' },
      body: JSON.stringify({ query: IDS }),
    });
    await feed.untilActive(1);
    const title = 'x'.repeat(500_000);
    for (let id = 1; (await slowConsumers(gateway.url)) === 0; id += 1)
      feed.publish({ root: { published: { id: String(id), title } } });
    const text = await response.text();
    expect(text.slice(-400)).toMatch(/"reason":"SLOW_CONSUMER".*\n\nevent: complete\ndata: \n\n$/s);
    await feed.untilActive(0);
  });
});

describe('events that come faster than they are answered', () => {
  it('end the subscription when too many wait', async () => {
    const room = newsroom();
    const held: Array<() => void> = [];
    const [newsFake, authors, ratings] = room.fakes;
    const slow = {
      ...authors!,
      resolvers: {
        Author: {
          __resolveReference: async ({ id }: { id: string }) => {
            await new Promise<void>((resolve) => held.push(resolve));
            return { id, name: 'Ada' };
          },
        },
      },
    };
    await using gateway = await startGateway([newsFake!, slow, ratings!], { SUBSCRIPTION_MAX_QUEUED_EVENTS: '2' });
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    // One is answered, two wait, the fourth is too many.
    for (const id of ['1', '2', '3', '4']) feed.publish(news(id));
    expect(await results.ended).toMatchObject([{ extensions: { code: 'RATE_LIMITED', reason: 'TOO_MANY_EVENTS' } }]);
    const text = await metrics(gateway.url);
    const dropped = 'taskgraph_gateway_subscription_events_dropped_total';
    expect(sumOfMetric(text, dropped, { reason: 'queue-full' })).toBeGreaterThan(0);
    await feed.untilActive(0);
    for (const release of held) release();
  });
});

describe('a client that is not there any more', () => {
  it('is given up when it answers no ping', async () => {
    await using gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_HEARTBEAT_MS: '2000' });
    const { feed } = gateway.subgraphs['news']!;
    await using dead = await openSocket(gateway, { autoPong: false });
    await using alive = await openSocket(gateway);
    dead.send(subscribe('1', IDS));
    alive.send(subscribe('1', 'subscription { strict { id } }'));
    await feed.untilActive(2);
    expect((await dead.closed).code).toBe(1006);
    await feed.untilActive(1);
    expect(feed.active()[0]?.query).toContain('strict');
  });
});

async function metrics(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
}

/** How many events were dropped because a client did not read. */
async function slowConsumers(url: string): Promise<number> {
  const dropped = 'taskgraph_gateway_subscription_events_dropped_total';
  return sumOfMetric(await metrics(url), dropped, { reason: 'slow-consumer' });
}
