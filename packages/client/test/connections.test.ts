import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { createCookieSession } from '../src/auth/cookie-session.js';
import { createSession, type Session, type SessionOptions } from '../src/auth/session.js';
import { createSocket } from '../src/links/socket.js';
import { createMemoryStorage } from '../src/token-storage.js';

const FORBIDDEN = 4403;

type Judge = (token: string | null) => string | null;

/** A gateway that takes a connection, or closes it and says why; it tells one event to whoever subscribes. */
async function startGateway(judge: Judge, isMute: () => boolean = () => false) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const tokens: Array<string | null> = [];
  let opened = 0;
  server.on('connection', (socket) => {
    opened += 1;
    socket.on('message', (data) => {
      if (isMute()) return;
      const message = JSON.parse((data as Buffer).toString()) as {
        type: string;
        id?: string;
        payload?: { authorization?: string };
      };
      if (message.type === 'ping') socket.send('{"type":"pong"}');
      if (message.type === 'subscribe')
        socket.send(JSON.stringify({ id: message.id, type: 'next', payload: { data: { event: tokens.at(-1) } } }));
      if (message.type !== 'connection_init') return;
      const token = message.payload?.authorization?.replace('Bearer ', '') ?? null;
      tokens.push(token);
      const why = judge(token);
      if (why === null) socket.send('{"type":"connection_ack"}');
      else socket.close(FORBIDDEN, `Forbidden: ${why}`);
    });
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Those that it was asked with, in order. */
    tokens,
    connections: () => opened,
    closeAll: (why: string) => server.clients.forEach((client) => client.close(FORBIDDEN, `Forbidden: ${why}`)),
    async [Symbol.asyncDispose]() {
      server.clients.forEach((client) => client.terminate());
      server.close();
      await once(server, 'close');
    },
  };
}

/** Subscribes once, and tells what comes of it. */
function subscribe(url: string, session: Session, keepAliveMs?: number) {
  const own = { name: 'test', version: undefined, ...(keepAliveMs !== undefined && { keepAliveMs }) };
  const socket = createSocket({ url, session, webSocketImpl: WebSocket, ...own });
  // As the client does when somebody signs in or out.
  session.onChange((_userId, before) => before !== null && socket.terminate());
  const told: unknown[] = [];
  let heard = () => {};
  const tell = (what: unknown) => {
    told.push(what);
    heard();
  };
  const stop = socket.subscribe(
    { query: 'subscription { event }' },
    { next: ({ data }) => tell(data), error: () => tell('error'), complete: () => tell('complete') },
  );
  return {
    async untilTold(count: number) {
      while (told.length < count) await new Promise<void>((resolve) => (heard = resolve));
      return told;
    },
    async [Symbol.asyncDispose]() {
      stop();
      await socket.dispose();
    },
  };
}

function sessionWith(exchange: SessionOptions['exchange']) {
  const session = createSession({ storage: createMemoryStorage(), key: 'session', exchange });
  session.begin(payload('first'));
  return session;
}

const payload = (accessToken: string, expiresIn = 900) => ({
  accessToken,
  refreshToken: `of ${accessToken}`,
  expiresIn,
  user: { id: 'ada' },
});

describe('a connection of subscriptions', () => {
  it('that is refused for its token comes again with another', async () => {
    await using gateway = await startGateway((token) => (token === 'second' ? null : 'TOKEN_INVALID'));
    await using subscription = subscribe(
      gateway.url,
      sessionWith(async () => payload('second')),
    );
    expect(await subscription.untilTold(1)).toEqual([{ event: 'second' }]);
    expect(gateway.tokens).toEqual(['first', 'second']);
  });

  it('that is closed since its token has expired goes on with another', async () => {
    await using gateway = await startGateway(() => null);
    await using subscription = subscribe(
      gateway.url,
      sessionWith(async () => payload('second')),
    );
    await subscription.untilTold(1);
    gateway.closeAll('token expired');
    expect(await subscription.untilTold(2)).toEqual([{ event: 'first' }, { event: 'second' }]);
  });

  it('goes on when the session can be renewed again, and does not end where that takes a while', async () => {
    await using gateway = await startGateway((token) => (token === 'second' ? null : 'TOKEN_EXPIRED'));
    let tries = 0;
    await using subscription = subscribe(
      gateway.url,
      sessionWith(async () => {
        tries += 1;
        if (tries < 3) throw new Error('auth is down');
        return payload('second');
      }),
    );
    expect(await subscription.untilTold(1)).toEqual([{ event: 'second' }]);
    expect(tries).toBe(3);
  });

  it('that has died without a word is opened again', async () => {
    let isMute = false;
    await using gateway = await startGateway(
      () => null,
      () => isMute,
    );
    const session = sessionWith(async () => payload('second'));
    await using subscription = subscribe(gateway.url, session, 50);
    await subscription.untilTold(1);
    isMute = true;
    const before = gateway.connections();
    while (gateway.connections() === before) await new Promise((resolve) => setImmediate(resolve));
    // The next may be mute as well, and is given up like the one before.
    isMute = false;
    await subscription.untilTold(2);
  });

  it('of a session that was ended ends, and nobody is signed in any more', async () => {
    await using gateway = await startGateway(() => null);
    const session = sessionWith(async () => payload('second'));
    await using subscription = subscribe(gateway.url, session);
    await subscription.untilTold(1);
    gateway.closeAll('SESSION_REVOKED');
    expect(await subscription.untilTold(2)).toEqual([{ event: 'first' }, 'error']);
    expect(session.userId).toBeNull();
    expect(gateway.tokens).toEqual(['first']);
  });

  it('of a cookie that stands for nobody any more ends, and nobody is signed in', async () => {
    await using gateway = await startGateway(() => 'SESSION_REVOKED');
    const session = createCookieSession({ storage: createMemoryStorage(), key: 'session' });
    session.begin(payload(''));
    await using subscription = subscribe(gateway.url, session);
    expect(await subscription.untilTold(1)).toEqual(['error']);
    expect([session.userId, gateway.tokens]).toEqual([null, [null]]);
  });
});
