import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
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

const LONG_MS = 60_000;

async function start(timeouts: Partial<RequestTimeouts>) {
  const service = await createHttpService({
    name: 'slow',
    config: {
      host: '127.0.0.1',
      port: 0,
      operations: { host: '127.0.0.1', port: 0 },
      shutdownGraceMs: 1,
      timeouts: {
        headersTimeoutMs: LONG_MS,
        requestTimeoutMs: LONG_MS,
        bodyIdleTimeoutMs: LONG_MS,
        bodyMinBytesPerSecond: 0,
        ...timeouts,
      },
    },
    log: createLog({ service: 'slow', level: 'silent' }),
    metrics: createMetrics('slow'),
    health: createHealth(),
    routes(app) {
      app.post(
        '/late',
        raw(async (request, response) => {
          // Nothing of the body is read before.
          await delay(1_000);
          let bytes = 0;
          for await (const chunk of request) bytes += (chunk as Buffer).length;
          response.end(String(bytes));
        }),
      );
      app.post(
        '/early',
        raw((request, response) => void (request.resume() && response.write('early'))),
      );
      app.post(
        '/',
        raw((request, response) => {
          request.resume().on('end', () => response.end('whole'));
        }),
      );
    },
  });
  const { port, url } = await service.listen();
  const operationsPort = Number(new URL(service.operationsUrl() ?? '').port);
  return { port, url, operationsPort, [Symbol.asyncDispose]: () => service.close() };
}

/** Sends pieces, one after the other, and returns what came back when the server has closed. */
async function talk(port: number, pieces: readonly string[], everyMs = 0): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    if (everyMs > 0) await delay(everyMs);
  }
  await closed;
  return answer;
}

const HEAD = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n';
const REFUSED =
  /^HTTP\/1\.1 408 Request Timeout\r\n[^]*\{"errors":\[\{"message":"The request did not arrive in time\.","extensions":\{"code":"BAD_REQUEST"\}\}\]\}$/;

describe('a slow client', () => {
  it.each([
    ['no byte', []],
    ['half of the headers', [HEAD]],
  ] as ReadonlyArray<[string, string[]]>)('is not waited for with %s', async (_what, pieces) => {
    await using service = await start({ headersTimeoutMs: 200 });
    expect(await talk(service.port, pieces)).toMatch(REFUSED);
  });

  it('is not waited for with a body that stands still', async () => {
    await using service = await start({ bodyIdleTimeoutMs: 200 });
    expect(await talk(service.port, [`${HEAD}\r\nhalf`])).toMatch(REFUSED);
    const chunked = 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n';
    expect(await talk(service.port, [chunked])).toMatch(REFUSED);
  });

  it('may take long, as long as it goes on', async () => {
    await using service = await start({ bodyIdleTimeoutMs: 400 });
    const pieces = [`${HEAD}connection: close\r\n\r\n`, ...Array.from({ length: 20 }, () => 'x'.repeat(5))];
    expect(await talk(service.port, pieces, 100)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*whole/);
  });

  it('may not bring its body drop by drop, whatever it has brought before', async () => {
    await using service = await start({ bodyIdleTimeoutMs: 500, bodyMinBytesPerSecond: 1_000 });
    const head = `${HEAD}\r\n`.replace('100', '100000');
    expect(await talk(service.port, [head, 'x'.repeat(50_000), ...'x'.repeat(200)], 50)).toMatch(REFUSED);
  });

  it('may not go on for ever', async () => {
    await using service = await start({ requestTimeoutMs: 400 });
    expect(await talk(service.port, [`${HEAD}\r\n`, ...'x'.repeat(50)], 50)).toMatch(REFUSED);
  });

  it('is cut off where its answer has begun', async () => {
    await using service = await start({ bodyIdleTimeoutMs: 200 });
    const answer = await talk(service.port, [`${HEAD}\r\nhalf`.replace('POST /', 'POST /early')]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*early\r\n$/);
  });

  it('is not to blame for a body that nobody reads', async () => {
    await using service = await start({ bodyIdleTimeoutMs: 200 });
    const bytes = 4 * 2 ** 20;
    const response = await fetch(`${service.url}/late`, { method: 'POST', body: Buffer.alloc(bytes) });
    expect(await response.text()).toBe(String(bytes));
  });

  it('may keep its connection between two requests', async () => {
    await using service = await start({ headersTimeoutMs: 200, requestTimeoutMs: 300, bodyIdleTimeoutMs: 200 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let turn = 0; turn < 2; turn += 1) {
      const request = httpRequest(service.url, { method: 'POST', agent }).end('x');
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      ports.add(response.socket.localPort);
      await once(response.resume(), 'end');
      await delay(1_000);
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe('bytes that are no request', () => {
  it.each([
    ['nonsense', 'nonsense\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
    ['headers of 20 KB', `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('are answered as others are: %s', async (_what, bytes, status) => {
    await using service = await start({});
    const good = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n';
    for (const pieces of [[bytes], [good, bytes]]) {
      const answer = await talk(service.port, pieces, 20);
      expect(answer).toMatch(new RegExp(`HTTP/1\\.1 ${status} [^]*"code":"BAD_REQUEST"`));
    }
  });
});

describe('the port of operators', () => {
  const get = 'GET /health HTTP/1.1\r\nhost: x\r\n';
  it.each([
    ['a method that is none', 'FOO / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['nonsense', '\x00\xffnonsense\r\n\r\n', 400],
    ['two lengths', `${get}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
    ['a length below nothing', `${get}content-length: -1\r\n\r\n`, 400],
    ['a length and chunks', `${get}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['headers of 20 KB', `${get}a: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a bad chunk', `${get}transfer-encoding: chunked\r\n\r\nno length\r\n`, 400],
    ['what it is to be a proxy for', 'CONNECT other.example:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['an expectation', `${get}expect: a miracle\r\n\r\n`, 417],
  ])('answers %s, and closes the connection', async (_what, bytes, status) => {
    await using service = await start({});
    const answer = await talk(service.operationsPort, [bytes]);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*"code":"BAD_REQUEST"`));
  });

  it.each([
    ['no byte', ''],
    ['half of a line', 'GET /health HT'],
    ['half of a body', 'PUT /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf'],
  ])('does not wait for a client that sends %s', async (_what, bytes) => {
    await using service = await start({ headersTimeoutMs: 200, bodyIdleTimeoutMs: 200 });
    await talk(service.operationsPort, [bytes]);
  });

  it('closes the connection at a bad chunk of what it has answered', async () => {
    await using service = await start({});
    const put = 'PUT /log-level?level=silent HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await talk(service.operationsPort, [put, 'no length\r\n'], 100)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});
