import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signTestToken, testJwks, uuid7 } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import type { FakeFeed } from '../fake-subgraphs.js';
import { connectClient, news, newsroom } from './newsroom.js';
import { openSocket, subscribe } from './raw-socket.js';

const MINE = 'subscription { mine { id } }';
const initOf = (token: string) => ({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });

describe('the token of a WebSocket connection', () => {
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes);
    feed = gateway.subgraphs['news']!.feed;
  });
  beforeEach(async () => feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it.each(['authorization', 'Authorization', 'AUTHORIZATION'])('may come as %s, or among headers', async (name) => {
    const authorization = `Bearer ${signTestToken()}`;
    for (const payload of [{ [name]: authorization }, { headers: { [name]: authorization } }]) {
      await using socket = await openSocket(gateway, { init: false });
      socket.send({ type: 'connection_init', payload });
      await socket.next();
      socket.send(subscribe('1', MINE));
      await feed.untilActive(1);
      expect(feed.active()[0]?.init['authorization']).toBe(authorization);
      socket.send({ type: 'complete', id: '1' });
      await feed.untilActive(0);
    }
  });

  it('has to be a good one: 4403', async () => {
    for (const [token, reason] of [
      [signTestToken({ expiresInSeconds: -60 }), 'Forbidden: TOKEN_EXPIRED'],
      ['garbage', 'Forbidden: TOKEN_INVALID'],
    ] as const) {
      await using socket = await openSocket(gateway, { init: false });
      socket.send(initOf(token));
      expect(await socket.closed).toEqual({ code: 4403, reason });
    }
  });

  it('ends the connection when its time is up: 4403', async () => {
    await using socket = await openSocket(gateway, { token: signTestToken({ expiresInSeconds: 2 }) });
    socket.send(subscribe('1', MINE));
    await feed.untilActive(1);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'Forbidden: token expired' });
    await feed.untilActive(0);
  });

  it('is renewed by another connection_init of the same user, unseen by its subscriptions', async () => {
    const userId = uuid7();
    const first = signTestToken({ userId, expiresInSeconds: 2 });
    await using socket = await openSocket(gateway, { token: first });
    socket.send(subscribe('1', MINE));
    await feed.untilActive(1);
    const before = feed.subscriptions.length;
    const second = signTestToken({ userId });
    socket.send(initOf(second));
    expect(await socket.next()).toEqual({ type: 'connection_ack' });
    await feed.untilSeen(before + 1);
    expect(feed.active().at(-1)?.init['authorization']).toBe(`Bearer ${second}`);
    await feed.untilActive(1);
    // The first token is at its end now.
    while (Date.now() < JSON.parse(Buffer.from(first.split('.')[1]!, 'base64url').toString()).exp * 1000 + 1_500)
      await new Promise((resolve) => setTimeout(resolve, 50));
    feed.publish(news('1', { field: 'mine', eventId: 'x1' }));
    expect(await socket.next()).toEqual({
      type: 'next',
      id: '1',
      payload: { data: { mine: { id: '1' } }, extensions: { eventId: 'x1' } },
    });
  });

  it.each([
    ['another user', () => signTestToken(), 4429, 'Too many initialisation requests'],
    // On these, clients connect again: 4429 ends them for good.
    [
      'the same user with another role',
      (userId: string) => signTestToken({ userId, role: 'ADMIN' }),
      4403,
      'Forbidden: rights changed',
    ],
    ['nobody we know', () => 'garbage', 4403, 'Forbidden: TOKEN_INVALID'],
    [
      'a time that is over',
      (userId: string) => signTestToken({ userId, expiresInSeconds: -60 }),
      4403,
      'Forbidden: TOKEN_EXPIRED',
    ],
  ])('is not replaced by one of %s', async (_who, sign, code, reason) => {
    const userId = uuid7();
    await using socket = await openSocket(gateway, { token: signTestToken({ userId }) });
    socket.send(initOf(sign(userId)));
    expect(await socket.closed).toEqual({ code, reason });
  });

  it('is asked for again by clients of graphql-ws that give a function', async () => {
    const userId = uuid7();
    let given = 0;
    await using client = connectClient(gateway, {
      connectionParams: () => {
        given += 1;
        return { authorization: `Bearer ${signTestToken({ userId, expiresInSeconds: given === 1 ? 2 : 900 })}` };
      },
      retryAttempts: 3,
      retryWait: async () => undefined,
    });
    const results = client.subscribe(MINE);
    await feed.untilActive(1);
    const before = feed.subscriptions.length;
    await feed.untilSeen(before + 1);
    await feed.untilActive(1);
    feed.publish(news('9', { field: 'mine' }));
    expect((await results.next()).data).toEqual({ mine: { id: '9' } });
    expect(given).toBe(2);
    results.stop();
  });
});

describe('a key that has left the set', () => {
  it('ends connections and streams whose tokens it has signed', async () => {
    let hasLeft = false;
    const jwks = { getKey: async (kid: string) => (hasLeft ? null : testJwks.getKey(kid)) };
    await using gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_HEARTBEAT_MS: '50' }, { jwks });
    const feed = gateway.subgraphs['news']!.feed;
    const token = signTestToken();
    await using socket = await openSocket(gateway, { token });
    await using anonymous = await openSocket(gateway);
    socket.send(subscribe('1', MINE));
    await feed.untilActive(1);
    const stream = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${signTestToken()}`,
      },
      body: JSON.stringify({ query: MINE }),
    });
    await feed.untilActive(2);
    hasLeft = true;
    expect(await socket.closed).toEqual({ code: 4403, reason: 'Forbidden: TOKEN_INVALID' });
    expect(await stream.text()).toContain('"reason":"TOKEN_INVALID"');
    await feed.untilActive(0);
    // Who has no token is not asked for its key.
    anonymous.send({ type: 'ping' });
    expect(await anonymous.next()).toEqual({ type: 'pong' });
  });
});
