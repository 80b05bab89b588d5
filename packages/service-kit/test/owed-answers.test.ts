import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  raw,
  type RequestTimeouts,
} from '@taskgraph/service-kit';

const UPGRADE = 'GET /live HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
const CONNECT = 'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n';
const MALFORMED = 'POST /slow HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n';
const ASK = 'POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';

const NOWHERE = 'POST /nowhere HTTP/1.1\r\nhost: x\r\n';
const CHUNKED = 'transfer-encoding: chunked\r\n\r\n3\r\n';
const LAST = 'GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
const EXPECTING = 'POST /slow HTTP/1.1\r\nhost: x\r\nexpect: much\r\ncontent-length: 2\r\n\r\n{}';

/** A service whose `/slow` and health are answered when the test says so. */
async function start(timeouts: Partial<RequestTimeouts> = {}) {
  const waiting: Array<() => void> = [];
  const upgraded: string[] = [];
  const health = createHealth();
  health.register('slow', () => new Promise((resolve) => void waiting.push(resolve)));
  const service = await createHttpService({
    name: 'shop',
    config: {
      host: '127.0.0.1',
      port: 0,
      operations: { host: '127.0.0.1', port: 0 },
      shutdownGraceMs: 100,
      timeouts: {
        headersTimeoutMs: 60_000,
        requestTimeoutMs: 60_000,
        bodyIdleTimeoutMs: 40,
        bodyMinBytesPerSecond: 0,
        ...timeouts,
      },
    },
    log: createLog({ service: 'shop', level: 'silent' }),
    metrics: createMetrics('shop'),
    health,
    routes(app) {
      app.post(
        '/slow',
        raw((request, response) => {
          request.resume();
          waiting.push(() => response.end('of the first'));
        }),
      );
      app.post(
        '/begun',
        raw((request, response) => {
          request.resume();
          response.write('of the ');
          waiting.push(() => response.end('first'));
        }),
      );
      app.get(
        '/live',
        raw((_request, response) => void response.end('no upgrade')),
      );
    },
  });
  service.server.on('upgrade', ({ url = '' }, socket) => {
    upgraded.push(url);
    socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  });
  const { port } = await service.listen();
  const operationsPort = Number(new URL(service.operationsUrl() ?? '').port);
  return { service, port, operationsPort, waiting, upgraded };
}

interface Client {
  readonly socket: Socket;
  /** What has come, answer by answer. */
  readonly answers: () => string[];
}

async function connected(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let read = '';
  socket.on('data', (bytes) => (read += bytes.toString()));
  await once(socket, 'connect');
  return { socket, answers: () => read.split(/(?=HTTP\/1\.1 )/).filter((answer) => answer !== '') };
}

function statusOf(answer: string): string | undefined {
  return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
}

async function untilOneWaits(waiting: readonly unknown[]): Promise<void> {
  while (waiting.length === 0) await delay(2);
}

/** What a client may put behind a request that is not answered yet, and how that is answered in its turn. */
const BEHIND: ReadonlyArray<readonly [name: string, bytes: string, status: string]> = [
  ['an upgrade to WebSocket', UPGRADE, '200 OK'],
  ['a request for a tunnel', CONNECT, '405 Method Not Allowed'],
  ['a tunnel to a path', CONNECT.replace('example.org:443 HTTP', '/live HTTP'), '405 Method Not Allowed'],
  ['bytes that are no request', 'this is no request\r\n\r\n', '400 Bad Request'],
  [
    'headers that are too large',
    `GET /live HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`,
    '431 Request Header Fields Too Large',
  ],
  ['a body that is malformed', MALFORMED, '400 Bad Request'],
  ['a body that is malformed after a part', MALFORMED.replace('zz', '5\r\n{"que\r\nzz'), '400 Bad Request'],
  ['an expectation that is not known', ASK.replace('host: x', 'host: x\r\nexpect: much'), '417 Expectation Failed'],
];

describe.each(BEHIND)('behind a request that is not answered, %s', (_name, bytes, status) => {
  it.each(['in one piece', 'later'])('is answered after it, as nothing else than a request: %s', async (how) => {
    const { service, port, waiting, upgraded } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    if (how === 'in one piece') socket.write(ASK + bytes);
    else {
      socket.write(ASK);
      await untilOneWaits(waiting);
      socket.write(bytes);
    }
    await untilOneWaits(waiting);
    await delay(50);
    expect(answers()).toEqual([]);
    waiting[0]?.();
    await closed;
    const [first, second, ...more] = answers();
    expect(first).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\nof the first$/);
    expect(second).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
    expect(second).toMatch(/\r\nconnection: close\r\n/i);
    expect(more).toEqual([]);
    expect(upgraded).toEqual([]);
  });

  it('does not come between the parts of its answer', async () => {
    const { service, port, waiting, upgraded } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(ASK.replace('/slow', '/begun') + bytes);
    await untilOneWaits(waiting);
    // Until the watch of slow bodies has looked at the connection.
    await delay(100);
    expect(answers()).toHaveLength(1);
    waiting[0]?.();
    await closed;
    const [first, second] = answers();
    expect(first).toMatch(/\r\n\r\n7\r\nof the \r\n5\r\nfirst\r\n0\r\n\r\n$/);
    expect(second).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
    expect(upgraded).toEqual([]);
  });
});

describe('a request', () => {
  /** Bytes, and the statuses of all that is answered before the connection ends. */
  const ONCE: ReadonlyArray<readonly [name: string, bytes: string, statuses: string]> = [
    ['that is answered before its body has come, which stands still', `${NOWHERE}content-length: 9\r\n\r\nabc`, '404'],
    ['that is answered before its body has come, which is malformed', `${NOWHERE}${CHUNKED}abc`, '404'],
    ['that was the last by its own word, and is not', `${LAST}${ASK}`, '200'],
    ['that is refused with its body left', `${NOWHERE}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`, '400'],
    ['that expects what is not known, with garbage behind it', `${EXPECTING}garbage\r\n\r\n`, '417'],
  ];
  it.each(ONCE)('%s, is answered once', async (_name, bytes, statuses) => {
    const { service, port } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(bytes);
    // What is malformed comes behind the answer.
    if (bytes.includes(CHUNKED)) {
      while (answers().length === 0) await delay(2);
      socket.write('zz\r\n');
    }
    await closed;
    expect(answers().map(statusOf)).toEqual([statuses]);
  });

  it('that is answered before its body has come, and whose client ends then, is answered once', async () => {
    const { service, port } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(`${NOWHERE}content-length: 9\r\n\r\nabc`);
    while (answers().length === 0) await delay(2);
    socket.end();
    await closed;
    expect(answers().map(statusOf)).toEqual(['404']);
  });
});

describe('an upgrade to WebSocket', () => {
  const TO_REFUSE: ReadonlyArray<readonly [name: string, bytes: string, status: string]> = [
    ['with two hosts', UPGRADE.replace('host: x', 'host: x\r\nhost: y'), '400'],
    ['with a coding that is not read', UPGRADE.replace('host: x', 'host: x\r\ntransfer-encoding: gzip'), '400'],
    ['that expects what is not known', UPGRADE.replace('host: x', 'host: x\r\nexpect: much'), '417'],
    ['of HTTP/1.0', UPGRADE.replace('1.1', '1.0'), '200'],
    ['by another method', UPGRADE.replace('GET', 'POST'), '404'],
    ['with a body', UPGRADE.replace('\r\n\r\n', '\r\ncontent-length: 5\r\n\r\nhello'), '200'],
    ['or to another protocol', UPGRADE.replace('websocket', 'h2c, websocket'), '200'],
  ];
  it.each(TO_REFUSE)('%s, is answered as other requests are', async (_name, bytes, status) => {
    const { service, port, upgraded } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(bytes);
    await closed;
    expect(answers().map(statusOf)).toEqual([status]);
    expect(upgraded).toEqual([]);
  });

  it('is answered as other requests are where nobody takes it', async () => {
    const { service, port, operationsPort, upgraded } = await start();
    await using _ = service;
    service.server.removeAllListeners('upgrade');
    const statuses = [];
    for (const [at, path] of [
      [port, '/live'],
      [operationsPort, '/health/live'],
    ] as const) {
      const { socket, answers } = await connected(at);
      const closed = once(socket, 'close');
      socket.write(UPGRADE.replace('/live', path));
      await closed;
      statuses.push(...answers().map(statusOf));
    }
    expect([statuses, upgraded]).toEqual([['200', '200'], []]);
  });

  it('may name the host in its target', async () => {
    const { service, port, upgraded } = await start();
    await using _ = service;
    const { socket } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(UPGRADE.replace('/live', 'http://x/live'));
    await closed;
    expect(upgraded).toEqual(['/live']);
  });
});

describe('a body that stands still behind a request that is not answered', () => {
  it('is waited for from its turn on', async () => {
    const { service, port, waiting } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(ASK + ASK.replace('{}', ''));
    await untilOneWaits(waiting);
    await delay(150);
    expect(answers()).toEqual([]);
    waiting[0]?.();
    await closed;
    expect(answers().map(statusOf)).toEqual(['200', '408']);
  });
});

describe('a request that comes too late behind one that is not answered', () => {
  it.each([
    ['its head', { headersTimeoutMs: 100 }, 'GET /li', 've HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['its body', { requestTimeoutMs: 100 }, ASK.slice(0, -1), '}'],
  ])('is refused in its turn, and what comes behind it is not served: %s', async (_what, timeouts, part, rest) => {
    const { service, port, waiting } = await start({ ...timeouts, bodyIdleTimeoutMs: 60_000 });
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(ASK + part);
    await untilOneWaits(waiting);
    await delay(400);
    socket.write(rest + ASK);
    await delay(50);
    waiting[0]?.();
    await closed;
    expect(answers().map(statusOf)).toEqual(['200', '408']);
    expect(waiting).toHaveLength(1);
  });
});

describe('after its requests are answered', () => {
  it('a connection is upgraded', async () => {
    const { service, port, waiting, upgraded } = await start();
    await using _ = service;
    const { socket, answers } = await connected(port);
    const closed = once(socket, 'close');
    socket.write(ASK);
    await untilOneWaits(waiting);
    waiting[0]?.();
    while (answers().length === 0) await delay(2);
    socket.write(UPGRADE);
    await closed;
    expect(answers().map(statusOf)).toEqual(['200', '101']);
    expect(upgraded).toEqual(['/live']);
  });
});

describe('the port of operators', () => {
  it('begins the requests of a connection one after the other', async () => {
    const { service, operationsPort, waiting } = await start();
    await using _ = service;
    const { socket, answers } = await connected(operationsPort);
    const get = (path: string, method = 'GET') => `${method} ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    socket.write(get('/health/ready') + get('/log-level?level=error', 'PUT'));
    await untilOneWaits(waiting);
    await delay(50);
    expect([answers(), service.log.level]).toEqual([[], 'silent']);
    waiting[0]?.();
    while (answers().length < 2) await delay(2);
    expect(service.log.level).toBe('error');
    socket.destroy();
  });

  it('answers a request without a host once', async () => {
    const { service, operationsPort } = await start();
    await using _ = service;
    const { socket, answers } = await connected(operationsPort);
    const closed = once(socket, 'close');
    socket.write('GET /health/live HTTP/1.1\r\n\r\ngarbage\r\n\r\n');
    await closed;
    expect(answers().map(statusOf)).toEqual(['400']);
  });

  it('answers a tunnel in its turn', async () => {
    const { service, operationsPort, waiting } = await start();
    await using _ = service;
    const { socket, answers } = await connected(operationsPort);
    socket.write(`GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n${CONNECT}`);
    await untilOneWaits(waiting);
    await delay(50);
    expect(answers()).toEqual([]);
    waiting[0]?.();
    while (answers().length < 2) await delay(2);
    expect(answers().map(statusOf)).toEqual(['200', '405']);
    socket.destroy();
  });
});
