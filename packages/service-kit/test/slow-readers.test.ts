import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Gauge } from 'prom-client';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  raw,
  readJsonBody,
  sendBody,
} from '@taskgraph/service-kit';

const MIB = 1024 * 1024;
/** More than the system buffers for one connection. */
const ANSWER = 'a'.repeat(16 * MIB);
const LONG_MS = 600_000;

async function start(readers: { answerIdleTimeoutMs?: number; maxBufferedBytes?: number }) {
  const sockets = new Set<Socket>();
  const responses = new Set<ServerResponse>();
  let ended = 0;
  let answered = 0;
  const service = await createHttpService({
    name: 'generous',
    config: {
      host: '127.0.0.1',
      port: 0,
      shutdownGraceMs: 1,
      readers: { answerIdleTimeoutMs: LONG_MS, maxBufferedBytes: Number.MAX_SAFE_INTEGER, ...readers },
    },
    log: createLog({ service: 'generous', level: 'silent' }),
    metrics: createMetrics('generous'),
    health: createHealth(),
    routes(app) {
      app.get(
        '/large',
        raw((_request, response) => {
          sendBody(response, 200, {}, ANSWER);
          answered += 1;
        }),
      );
      app.get(
        '/never',
        raw(() => undefined),
      );
      app.get(
        '/small',
        raw((_request, response) => sendBody(response, 200, {}, 'small')),
      );
      app.post(
        '/json',
        raw(async (request, response) => sendBody(response, 200, {}, String(await readJsonBody(request, 4 * MIB)))),
      );
      app.get(
        '/late',
        raw(async (_request, response) => {
          await delay(1_000);
          sendBody(response, 200, {}, 'late');
        }),
      );
    },
  });
  service.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      ended += 1;
    });
  });
  service.server.on('request', (_request, response) => {
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
  const { port, url } = await service.listen();
  return {
    port,
    url,
    /** What is in memory for clients. */
    waiting: () =>
      [...sockets].reduce((sum, socket) => sum + (socket.destroyed ? 0 : socket.writableLength), 0) +
      [...responses].reduce((sum, { req, socket, writableLength }) => {
        return sum + (socket || req.socket.destroyed ? 0 : writableLength);
      }, 0),
    /** Connections. */
    ended: () => ended,
    /** Large ones. */
    answered: () => answered,
    [Symbol.asyncDispose]: () => service.close(),
  };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;

/** Asks, and reads nothing. */
async function ask(port: number, text: string) {
  const socket = connect(port, '127.0.0.1').pause();
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.write(text);
  return { socket, closed, [Symbol.dispose]: () => void socket.destroy() };
}

type Client = Awaited<ReturnType<typeof ask>>;

/** Reads what is left until the connection ends. */
async function readOn({ socket, closed }: Client): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
  await closed;
  return bytes;
}

describe('a client', () => {
  it('that reads nothing of its answer is cut off, and nothing of it stays in memory', async () => {
    await using server = await start({ answerIdleTimeoutMs: 200 });
    using client = await ask(server.port, get('/large'));
    while (server.waiting() === 0) await delay(10);
    while (server.waiting() > 0) await delay(10);
    expect(await readOn(client)).toBeLessThan(ANSWER.length);
  });

  it('that reads slowly gets its answer', async () => {
    await using server = await start({ answerIdleTimeoutMs: 3_000 });
    using client = await ask(server.port, get('/large'));
    const { socket, closed } = client;
    let bytes = 0;
    const startedAt = performance.now();
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER.length) socket.destroy();
      // It takes longer than the time-out, and is never still for as long.
      if (performance.now() - startedAt > 5_000) return;
      socket.pause();
      setTimeout(() => socket.resume(), 20);
    });
    socket.resume();
    await closed;
    expect(bytes).toBeGreaterThan(ANSWER.length);
    expect(performance.now() - startedAt).toBeGreaterThan(3_000);
  });

  it('that waits for an answer which is late gets it, on a connection that is kept', async () => {
    await using server = await start({ answerIdleTimeoutMs: 200 });
    using client = await ask(server.port, get('/late'));
    const { socket } = client;
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).resume();
    while (!text.endsWith('late')) await once(socket, 'data');
    await delay(500);
    socket.write(get('/small'));
    while (!text.endsWith('small')) await once(socket, 'data');
  });
});

describe('clients that read nothing', () => {
  it('each on a connection of its own hold no more memory together than the limit', async () => {
    const maxBufferedBytes = 60 * MIB;
    await using server = await start({ maxBufferedBytes });
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(server.port, get('/large'))));
    try {
      let most = 0;
      while (server.ended() === 0) {
        most = Math.max(most, server.waiting());
        await delay(5);
      }
      expect(most).toBeLessThanOrEqual(maxBufferedBytes);
      expect(await (await fetch(`${server.url}/small`)).text()).toBe('small');
      expect(server.waiting()).toBeLessThanOrEqual(maxBufferedBytes);
    } finally {
      for (const { socket } of asked) socket.destroy();
    }
  });

  it('asking for much at once on one connection hold the memory of one answer', async () => {
    await using server = await start({ answerIdleTimeoutMs: 1_000 });
    using client = await ask(server.port, get('/large').repeat(20));
    let most = 0;
    while (server.ended() === 0) {
      most = Math.max(most, server.waiting());
      await delay(5);
    }
    expect(server.answered()).toBe(1);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(ANSWER.length + MIB);
    expect(await readOn(client)).toBeLessThan(ANSWER.length);
  });

  it('hold no more than that with requests either, of which they send the most part', async () => {
    await using server = await start({ maxBufferedBytes: 4.5 * MIB });
    const head = `POST /json HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${2 * MIB}\r\n\r\n`;
    const asked = await Promise.all(Array.from({ length: 8 }, () => ask(server.port, head + ' '.repeat(MIB))));
    try {
      while (server.ended() < 4) await delay(5);
      const response = await fetch(`${server.url}/json`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '"small"',
      });
      expect(await response.text()).toBe('small');
      expect(server.ended()).toBe(4);
    } finally {
      for (const { socket } of asked) socket.destroy();
    }
  });

  it('are ended before one that has just got as much as each of them', async () => {
    await using server = await start({ maxBufferedBytes: 40 * MIB });
    const asked = [];
    for (let client = 0; client < 3; client += 1) {
      // Each is waited for before the next one asks.
      asked.push(await ask(server.port, get('/large')));
      while (server.answered() <= client) await delay(5);
      await delay(100);
    }
    try {
      while (server.ended() === 0) await delay(5);
      const [first, , last] = asked;
      expect(await readOn(first as Client)).toBeLessThan(ANSWER.length);
      let bytes = 0;
      for await (const chunk of (last as Client).socket) {
        bytes += (chunk as Buffer).length;
        if (bytes > ANSWER.length) break;
      }
      expect(bytes).toBeGreaterThan(ANSWER.length);
    } finally {
      for (const { socket } of asked) socket.destroy();
    }
  });
});

describe('requests that wait for their turn', () => {
  it.each([
    ['bodies', 'b'.repeat(15_000), 0, 0],
    ['headers', 'b', 1_000, 0],
    ['trailers', 'b', 0, 1_000],
  ])('are memory of their connection: the one with most is ended, and others are served: %s', async (...given) => {
    const [, text, headers, trailers] = given;
    await using server = await start({ maxBufferedBytes: 1 * MIB });
    const body = JSON.stringify({ text });
    const json = [
      'POST /json HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n',
      `${'ab:xy\r\n'.repeat(headers)}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n${'ab:xy\r\n'.repeat(trailers)}\r\n`,
    ].join('');
    using client = await ask(server.port, get('/never') + json.repeat(90));
    using modest = await ask(server.port, get('/never') + json);
    await readOn(client);
    expect(modest.socket.destroyed).toBe(false);
    expect(await (await fetch(`${server.url}/small`)).text()).toBe('small');
  });
});

describe('an operator', () => {
  it('that reads nothing of its answer is cut off as clients are', async () => {
    const metrics = createMetrics('generous');
    new Gauge({ name: 'large', help: ANSWER, registers: [metrics.registry] });
    await using service = await createHttpService({
      name: 'generous',
      config: {
        host: '127.0.0.1',
        port: 0,
        operations: { host: '127.0.0.1', port: 0 },
        shutdownGraceMs: 1,
        readers: { answerIdleTimeoutMs: 200, maxBufferedBytes: Number.MAX_SAFE_INTEGER },
      },
      log: createLog({ service: 'generous', level: 'silent' }),
      metrics,
      health: createHealth(),
      routes: () => undefined,
    });
    await service.listen();
    const port = Number(new URL(service.operationsUrl() ?? '').port);
    using client = await ask(port, get('/metrics'));
    await delay(1_000);
    expect(await readOn(client)).toBeLessThan(ANSWER.length);
  });
});
