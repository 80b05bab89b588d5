import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { WebSocket } from 'ws';
import { startGateway, startGatewayOn, type GatewayUnderTest } from '../fake-subgraphs.js';
import type { FakeFeed } from '../fake-subgraphs.js';
import { news, newsroom, PUBLISHED, webSocketUrl } from './newsroom.js';
import { openSocket, subscribe } from './raw-socket.js';

describe('the WebSocket of the gateway', () => {
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes, {
      WEBSOCKET_INIT_TIMEOUT_MS: '60000',
      WEBSOCKET_MAX_MESSAGE_BYTES: '4096',
    });
    feed = gateway.subgraphs['news']!.feed;
  });
  beforeEach(async () => feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('closes what speaks another subprotocol with 4406', async () => {
    for (const protocol of ['graphql-ws', []]) {
      const socket = new WebSocket(webSocketUrl(gateway.url), protocol);
      socket.on('error', () => {});
      const code = await new Promise((resolve) => socket.once('close', resolve));
      // A client of `ws` that offered a protocol and got none hangs up before it hears the code.
      expect([4406, 1006]).toContain(code);
      if (protocol.length === 0) expect(code).toBe(4406);
    }
  });

  it('closes who does not introduce itself in time with 4408', async () => {
    await using impatient = await startGatewayOn(gateway, { WEBSOCKET_INIT_TIMEOUT_MS: '100' });
    await using socket = await openSocket(impatient, { init: false });
    expect(await socket.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  it('closes who subscribes before the acknowledgement with 4401', async () => {
    await using socket = await openSocket(gateway, { init: false });
    socket.send({ type: 'connection_init' });
    socket.send(subscribe('1', '{ __typename }'));
    expect((await socket.closed).code).toBe(4401);
    await using other = await openSocket(gateway, { init: false });
    other.send(subscribe('1', '{ __typename }'));
    expect((await other.closed).code).toBe(4401);
  });

  it('closes who introduces itself twice with 4429', async () => {
    await using socket = await openSocket(gateway);
    socket.send({ type: 'connection_init' });
    expect(await socket.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
    await using hasty = await openSocket(gateway, { init: false });
    hasty.send({ type: 'connection_init' });
    hasty.send({ type: 'connection_init' });
    expect((await hasty.closed).code).toBe(4429);
  });

  it('closes who uses an id twice at the same time with 4409, and lets it be used again', async () => {
    await using socket = await openSocket(gateway);
    socket.send(subscribe('1', '{ __typename }'));
    expect((await socket.next()).type).toBe('next');
    expect(await socket.next()).toEqual({ type: 'complete', id: '1' });
    socket.send(subscribe('1', PUBLISHED));
    await feed.untilActive(1);
    socket.send(subscribe('1', PUBLISHED));
    expect(await socket.closed).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' });
  });

  it.each([
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['no type', '{}'],
    ['an unknown type', '{"type":"start","id":"1"}'],
    ['no id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
    ['an empty id', '{"type":"complete","id":""}'],
    ['a huge id', `{"type":"complete","id":"${'x'.repeat(200)}"}`],
    ['no query', '{"type":"subscribe","id":"1","payload":{}}'],
    ['a query that is no text', '{"type":"subscribe","id":"1","payload":{"query":1}}'],
    ['variables that are no map', '{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":[]}}'],
    ['extensions that are no map', '{"type":"subscribe","id":"1","payload":{"query":"{ a }","extensions":1}}'],
    ['a payload of ping that is no map', '{"type":"ping","payload":1}'],
    ["the server's words", '{"type":"next","id":"1","payload":{}}'],
  ])('closes for a message with %s with 4400', async (_what, text) => {
    await using socket = await openSocket(gateway);
    socket.send(text);
    expect(await socket.closed).toEqual({ code: 4400, reason: 'Invalid message received' });
  });

  it('closes for a binary message with 4400, and for one that is too long with 1009', async () => {
    await using binary = await openSocket(gateway);
    binary.socket.send(Buffer.from('{"type":"ping"}'));
    expect((await binary.closed).code).toBe(4400);
    await using long = await openSocket(gateway);
    long.send({ type: 'ping', payload: { x: 'x'.repeat(5_000) } });
    expect((await long.closed).code).toBe(1009);
  });

  it('answers pings with their payload, before and after the acknowledgement', async () => {
    await using socket = await openSocket(gateway, { init: false });
    socket.send({ type: 'ping', payload: { at: 1 } });
    expect(await socket.next()).toEqual({ type: 'pong', payload: { at: 1 } });
    socket.send({ type: 'connection_init' });
    await socket.next();
    socket.send({ type: 'pong' });
    socket.send({ type: 'ping' });
    expect(await socket.next()).toEqual({ type: 'pong' });
  });

  it('runs queries and mutations, with variables, persisted queries and the token of the connection', async () => {
    const token = signTestToken();
    await using socket = await openSocket(gateway, { token });
    socket.send({
      type: 'subscribe',
      id: 'q',
      payload: {
        query: 'query A($id: ID!) { article(id: $id) { title } }',
        variables: { id: '5' },
        operationName: 'A',
      },
    });
    expect(await socket.next()).toEqual({
      type: 'next',
      id: 'q',
      payload: { data: { article: { title: 'Title 5' } } },
    });
    expect(await socket.next()).toEqual({ type: 'complete', id: 'q' });
    expect(gateway.subgraphs['news']?.requests.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
    socket.send(subscribe('m', 'mutation { touch }'));
    expect((await socket.next()).payload).toEqual({ data: { touch: null } });
    await socket.next();
    const query = '{ article(id: "6") { title } }';
    const persistedQuery = { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') };
    socket.send({ type: 'subscribe', id: 'p', payload: { extensions: { persistedQuery } } });
    expect(await socket.next()).toMatchObject({
      type: 'error',
      payload: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    });
    socket.send({ type: 'subscribe', id: 'p', payload: { query, extensions: { persistedQuery } } });
    expect((await socket.next()).payload.data.article.title).toBe('Title 6');
  });

  it('tells faults of the operation as errors of its id, and goes on', async () => {
    await using socket = await openSocket(gateway);
    const codeOf = async (query: string) => {
      socket.send(subscribe('f', query));
      const { type, id, payload } = await socket.next();
      return [type, id, payload[0].extensions.code];
    };
    expect(await codeOf('subscription {')).toEqual(['error', 'f', 'GRAPHQL_PARSE_FAILED']);
    expect(await codeOf('subscription { nothing }')).toEqual(['error', 'f', 'GRAPHQL_VALIDATION_FAILED']);
    expect(await codeOf('subscription { published { id } strict { id } }')).toEqual([
      'error',
      'f',
      'GRAPHQL_VALIDATION_FAILED',
    ]);
    socket.send({ type: 'subscribe', id: 'v', payload: { query: 'query($id: ID!) { article(id: $id) { id } }' } });
    expect((await socket.next()).payload[0].extensions.code).toBe('BAD_USER_INPUT');
    socket.send(subscribe('l', PUBLISHED, { lastEventId: 'x'.repeat(300) }));
    expect((await socket.next()).payload[0].extensions.code).toBe('BAD_REQUEST');
    socket.send(subscribe('ok', '{ __typename }'));
    expect(await socket.next()).toEqual({ type: 'next', id: 'ok', payload: { data: { __typename: 'Query' } } });
  });

  it('stops a subscription that its client completes, and says nothing more of it', async () => {
    await using socket = await openSocket(gateway);
    socket.send(subscribe('"quoted"', PUBLISHED));
    await feed.untilActive(1);
    feed.publish(news('1'));
    expect((await socket.next()).id).toBe('"quoted"');
    socket.send({ type: 'complete', id: '"quoted"' });
    await feed.untilActive(0);
    socket.send({ type: 'complete', id: 'never heard of' });
    socket.send({ type: 'ping' });
    expect(await socket.next()).toEqual({ type: 'pong' });
  });

  it('stops everything of a client that goes away without a word', async () => {
    const socket = await openSocket(gateway);
    socket.send(subscribe('1', PUBLISHED));
    socket.send(subscribe('2', 'subscription { strict { id } }'));
    await feed.untilActive(2);
    socket.socket.terminate();
    await feed.untilActive(0);
    await socket.closed;
  });

  it('is at /graphql only', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/elsewhere`, 'graphql-transport-ws');
    const { message } = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(message).toBe('Unexpected server response: 404');
  });
});
