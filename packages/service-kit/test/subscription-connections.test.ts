import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { bearer, connectRaw, startSample } from './sample-subscriptions.js';

const NEWS = 'subscription { news(topic: "t") { text viewer } }';
const ACK = { type: 'connection_ack' };

describe('a connection for subscriptions', () => {
  it('is refused with a bad token, and trusts no header', async () => {
    await using sample = await startSample();
    const forged = await connectRaw(sample.wsUrl);
    forged.send({ type: 'connection_init', payload: { authorization: 'Bearer x.y.z' } });
    expect(await forged.closed).toEqual({ code: 4403, reason: 'TOKEN_INVALID' });
    const expired = await connectRaw(sample.wsUrl);
    expired.send({ type: 'connection_init', payload: { authorization: bearer({ expiresInSeconds: -60 }) } });
    expect(await expired.closed).toEqual({ code: 4403, reason: 'TOKEN_EXPIRED' });
    const odd = await connectRaw(sample.wsUrl);
    odd.send({ type: 'connection_init', payload: { authorization: { token: 1 } } });
    expect(await odd.closed).toEqual({ code: 4403, reason: 'TOKEN_INVALID' });
    expect(sample.lines).toContainEqual(
      expect.objectContaining({ msg: 'a subscriber was refused', problem: 'TOKEN_INVALID' }),
    );

    await using header = await connectRaw(sample.wsUrl, { headers: { authorization: bearer() } });
    expect(await header.init()).toEqual(ACK);
    header.subscribe('1', NEWS);
    expect((await sample.source(0)).context.viewer).toBeNull();
  });

  it('is not a page of a browser', async () => {
    await using sample = await startSample();
    const page = new WebSocket(sample.wsUrl, 'graphql-transport-ws', { origin: 'http://127.0.0.1:3000' });
    const [request, response] = (await once(page, 'unexpected-response')) as [ClientRequest, IncomingMessage];
    request.destroy();
    expect(response.statusCode).toBe(403);
  });

  it('is gone when it is refused, whether its client ends it or not', async () => {
    await using sample = await startSample();
    const { port, hostname: host, pathname } = new URL(sample.wsUrl);
    const socket = connect({ port: Number(port), host, allowHalfOpen: true }).on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\norigin: https://foreign.example';
    socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n${upgrade}\r\n\r\n`);
    await once(socket.resume(), 'end');
    const write = setInterval(() => socket.write('x'), 20);
    await closed;
    clearInterval(write);
  });

  it('is asked to come again while tokens cannot be verified', async () => {
    await using sample = await startSample({ withoutKeys: true });
    const raw = await connectRaw(sample.wsUrl);
    raw.send({ type: 'connection_init', payload: { authorization: bearer() } });
    expect(await raw.closed).toEqual({ code: 1013, reason: 'JWKS_UNAVAILABLE' });
  });

  it('is closed when its token expires, unless a newer one came before', async () => {
    await using sample = await startSample();
    const userId = randomUUID();
    const short = bearer({ userId, expiresInSeconds: 2 });
    await using renewed = await connectRaw(sample.wsUrl);
    const forgotten = await connectRaw(sample.wsUrl);
    expect(await renewed.init({ authorization: short })).toEqual(ACK);
    expect(await forgotten.init({ authorization: short })).toEqual(ACK);
    renewed.subscribe('1', NEWS);
    const source = await sample.source(0);
    const longer = bearer({ userId });
    expect(await renewed.init({ authorization: longer })).toEqual(ACK);
    expect(await forgotten.closed).toEqual({ code: 4403, reason: 'TOKEN_EXPIRED' });
    source.push({ eventId: 'e', text: 'still here' });
    expect(await renewed.next()).toMatchObject({
      type: 'next',
      id: '1',
      payload: { data: { news: { text: 'still here', viewer: userId } } },
    });
    renewed.subscribe('2', NEWS);
    expect((await sample.source(1)).context.authorization).toBe(longer);
  });

  it('serves its events by the newest token', async () => {
    await using sample = await startSample();
    const userId = randomUUID();
    await using raw = await connectRaw(sample.wsUrl);
    await raw.init({ authorization: bearer({ userId, role: 'ADMIN' }) });
    raw.subscribe('1', 'subscription { audit { text } }');
    const source = await sample.source(0);
    source.push({ eventId: 'e1', text: 'one' });
    expect(await raw.next()).toMatchObject({ type: 'next' });
    await raw.init({ authorization: bearer({ userId, role: 'USER' }) });
    source.push({ eventId: 'e2', text: 'two' });
    expect(await raw.next()).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'FORBIDDEN' } }] });
  });

  it.each([
    ['another user', () => ({ authorization: bearer() }), 'USER_CHANGED'],
    ['nobody', () => ({}), 'USER_CHANGED'],
    ['a bad token', () => ({ authorization: 'Bearer x.y.z' }), 'TOKEN_INVALID'],
  ])('is closed when it is renewed with %s', async (_who, payload, reason) => {
    await using sample = await startSample();
    const raw = await connectRaw(sample.wsUrl);
    await raw.init({ authorization: bearer() });
    raw.send({ type: 'connection_init', payload: payload() });
    expect(await raw.closed).toEqual({ code: 4403, reason });
  });

  it('is anonymous for good when it began so', async () => {
    await using sample = await startSample();
    const raw = await connectRaw(sample.wsUrl);
    await raw.init();
    raw.send({ type: 'connection_init', payload: { authorization: bearer() } });
    expect((await raw.closed).code).toBe(4429);
  });

  it('holds its client to the protocol', async () => {
    await using impatient = await startSample({ limits: { initTimeoutMs: 50 } });
    const mute = await connectRaw(impatient.wsUrl);
    expect((await mute.closed).code).toBe(4408);
    await using sample = await startSample();
    const hasty = await connectRaw(sample.wsUrl);
    hasty.subscribe('1', NEWS);
    expect((await hasty.closed).code).toBe(4401);
    const garbled = await connectRaw(sample.wsUrl);
    garbled.socket.send('{');
    expect((await garbled.closed).code).toBe(4400);
    const server = await connectRaw(sample.wsUrl);
    await server.init();
    server.send({ type: 'connection_ack' });
    expect((await server.closed).code).toBe(4400);
    const twice = await connectRaw(sample.wsUrl);
    await twice.init();
    twice.subscribe('1', NEWS);
    twice.subscribe('1', NEWS);
    expect((await twice.closed).code).toBe(4409);
    const silent = new WebSocket(sample.wsUrl);
    const [code] = (await once(silent, 'close')) as [number];
    expect(code).toBe(4406);
    const foreign = new WebSocket(sample.wsUrl, 'graphql-ws');
    const [error] = (await once(foreign, 'error')) as [Error];
    expect(error.message).toBe('Server sent no subprotocol');
    expect(sample.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is limited in the size of its messages and in the number of its subscriptions', async () => {
    await using sample = await startSample({ limits: { maxPayloadBytes: 1_000, maxSubscriptionsPerConnection: 2 } });
    const large = await connectRaw(sample.wsUrl);
    await large.init();
    large.subscribe('1', `${NEWS} # ${'x'.repeat(1_000)}`);
    expect((await large.closed).code).toBe(1009);

    await using raw = await connectRaw(sample.wsUrl);
    await raw.init();
    raw.subscribe('1', NEWS);
    raw.subscribe('2', NEWS);
    await sample.source(1);
    raw.subscribe('3', NEWS);
    expect(await raw.next()).toMatchObject({
      type: 'error',
      id: '3',
      payload: [{ extensions: { code: 'OPERATION_REJECTED', reason: 'TOO_MANY_SUBSCRIPTIONS' } }],
    });
    const source = await sample.source(0);
    const over = once(source.context.signal, 'abort');
    raw.send({ type: 'complete', id: '1' });
    await over;
    raw.subscribe('3', NEWS);
    await sample.source(2);
  });

  it('is ended when its client no longer answers pings', async () => {
    await using sample = await startSample({ limits: { keepAliveMs: 2_000 } });
    await using alive = await connectRaw(sample.wsUrl);
    await alive.init();
    const dead = await connectRaw(sample.wsUrl, { autoPong: false });
    await dead.init();
    expect((await dead.closed).code).toBe(1006);
    alive.send({ type: 'ping' });
    expect(await alive.next()).toEqual({ type: 'pong' });
  });

  it('is opened at the path of GraphQL alone', async () => {
    await using sample = await startSample();
    for (const path of ['/elsewhere', '//', '/graphqlx']) {
      const socket = new WebSocket(`${sample.wsUrl.replace('/graphql', '')}${path}`, 'graphql-transport-ws');
      const [error] = (await once(socket, 'error')) as [Error];
      expect(error.message).toBe('Unexpected server response: 404');
    }
  });

  it('is closed with 1012 when the service stops, also for a client that does not answer', async () => {
    const sample = await startSample({ limits: { closeTimeoutMs: 100 } });
    const raw = await connectRaw(sample.wsUrl);
    await raw.init();
    raw.subscribe('1', NEWS);
    const source = await sample.source(0);
    const stuck = await connectRaw(sample.wsUrl);
    await stuck.init();
    stuck.socket.pause();
    // The grace period is longer than a test may take.
    await sample.service.close();
    expect(await raw.closed).toEqual({ code: 1012, reason: 'Service restart' });
    expect(source.context.signal.aborted).toBe(true);
    stuck.socket.terminate();
    await stuck.closed;
  });
});
