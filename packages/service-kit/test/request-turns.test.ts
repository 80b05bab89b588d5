import { AsyncLocalStorage } from 'node:async_hooks';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  raw,
  requestFacts,
  type Metrics,
  type Routes,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import fc from 'fast-check';

const MAX_WAITING = 100;

interface Started {
  readonly service: ServiceProcess;
  readonly port: number;
  readonly metrics: Metrics;
  readonly lines: string[];
}

async function start(routes: Routes): Promise<Started> {
  const metrics = createMetrics('shop');
  const lines: string[] = [];
  const service = await createHttpService({
    name: 'shop',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
    log: createLog({ service: 'shop', level: 'warn', destination: { write: (line) => void lines.push(line) } }),
    metrics,
    health: createHealth(),
    routes,
  });
  const { port } = await service.listen();
  return { service, port, metrics, lines };
}

const get = (port: number, path: string) => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`;

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function untilNobodyIsConnected({ service }: Started): Promise<void> {
  for (let left = 1; left > 0; await delay(5))
    left = await new Promise((resolve) => service.server.getConnections((_error, count) => resolve(count)));
}

describe('requests that come before the ones before are answered', () => {
  it('are begun one after the other', async () => {
    const turns: Array<() => void> = [];
    const started = await start((app) => {
      app.get(
        '/orders/:id',
        raw((_request, response, { params }) => void turns.push(() => response.end(`[${params['id']}]`))),
      );
    });
    await using _ = started.service;
    const socket = await connected(started.port);
    socket.write([1, 2, 3].map((id) => get(started.port, `/orders/${id}`)).join(''));
    let read = '';
    socket.on('data', (bytes) => (read += bytes.toString()));
    for (const count of [1, 2, 3]) {
      while (turns.length < count) await new Promise(setImmediate);
      await delay(20);
      expect(turns).toHaveLength(count);
      turns[count - 1]?.();
    }
    while (!read.includes('[3]')) await once(socket, 'data');
    expect(read.match(/\[\d\]/g)).toEqual(['[1]', '[2]', '[3]']);
    socket.destroy();
  });

  it('are not begun when the connection is lost, and what is answered is ended', async () => {
    const streams: PassThrough[] = [];
    const signals: AbortSignal[] = [];
    const started = await start((app) => {
      app.get(
        '/by-hand',
        raw((request, response) => {
          signals.push(requestFacts(request).signal);
          const content = new PassThrough();
          streams.push(content);
          pipeline(content, response, () => undefined);
        }),
      );
      app.get('/by-reply', (request, reply) => {
        signals.push(requestFacts(request.raw).signal);
        const content = new PassThrough();
        streams.push(content);
        reply.send(content);
      });
    });
    await using _ = started.service;
    for (const path of ['/by-hand', '/by-reply']) {
      const socket = await connected(started.port);
      socket.write(get(started.port, path).repeat(20));
      while (streams.length === 0) await new Promise(setImmediate);
      socket.resetAndDestroy();
      await untilNobodyIsConnected(started);
      await delay(20);
      expect([streams.map(({ destroyed }) => destroyed), signals.map(({ aborted }) => aborted)]).toEqual([
        [true],
        [true],
      ]);
      const told = await started.metrics.registry.metrics();
      expect(told).toMatch(new RegExp(`_count\\{[^}]*route="${path}"[^}]*status="aborted"[^}]*\\} 1\n`));
      streams.length = 0;
      signals.length = 0;
    }
  });

  it('end the connection when too many wait, and nobody else is kept waiting', async () => {
    let begun = 0;
    const started = await start((app) => {
      app.get(
        '/slow',
        raw(() => void (begun += 1)),
      );
      app.get(
        '/quick',
        raw((_request, response) => void response.end('here')),
      );
    });
    await using _ = started.service;
    const patient = await connected(started.port);
    patient.write(get(started.port, '/slow').repeat(1 + MAX_WAITING));
    await delay(50);
    const flood = await connected(started.port);
    flood.write(get(started.port, '/slow').repeat(5_000));
    await new Promise((resolve) => flood.once('close', resolve));
    expect(begun).toBe(2);
    expect(patient.destroyed).toBe(false);
    expect(await (await fetch(`http://127.0.0.1:${started.port}/quick`)).text()).toBe('here');
    expect(started.lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({
        level: 'warn',
        waiting: MAX_WAITING,
        msg: expect.stringMatching(/connection is ended/),
      }),
    ]);
    patient.destroy();
  });

  it('may be many where they are answered', async () => {
    const started = await start((app) => {
      app.get(
        '/orders/:id',
        raw((_request, response, { params }) => void response.end(`[${params['id']}]`)),
      );
    });
    await using _ = started.service;
    const socket = await connected(started.port);
    let read = '';
    socket.on('data', (bytes) => (read += bytes.toString()));
    const ids = Array.from({ length: 1_000 }, (_none, index) => index);
    for (let at = 0; at < ids.length; at += 50) {
      socket.write(
        ids
          .slice(at, at + 50)
          .map((id) => get(started.port, `/orders/${id}`))
          .join(''),
      );
      while (!read.includes(`[${at + 49}]`)) await once(socket, 'data');
    }
    expect(read.match(/\[\d+\]/g)).toEqual(ids.map((id) => `[${id}]`));
    socket.destroy();
  });

  it('are served in what was around them when they came', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: Array<string | undefined> = [];
    const started = await start((app) => {
      app.get(
        '/:name',
        raw((request, response) => {
          seen.push(storage.getStore());
          storage.run(request.url ?? '', () => setImmediate(() => response.end()));
        }),
      );
    });
    await using _ = started.service;
    const socket = await connected(started.port);
    socket.write(get(started.port, '/a') + get(started.port, '/b') + get(started.port, '/c'));
    while (seen.length < 3) await delay(5);
    expect(seen).toEqual([undefined, undefined, undefined]);
    socket.destroy();
  });

  it('are answered in order and whole, whatever each of them is, and however its bytes come', async () => {
    const started = await start((app) => {
      app.get(
        '/now/:id',
        raw((_request, response, { params }) => void response.end(`[${params['id']}]`)),
      );
      app.get(
        '/later/:id',
        raw(async (_request, response, { params }) => {
          await delay(1);
          response.end(`[${params['id']}]`);
        }),
      );
      app.get('/stream/:id', (request, reply) =>
        reply.send(Readable.from(['[', (request.params as { id: string }).id, ']'])),
      );
      app.post(
        '/echo/:id',
        raw(async (request, response, { params }) => {
          const body = await text(request);
          response.end(`[${params['id']}:${body.length}]`);
        }),
      );
    });
    await using _ = started.service;
    const kind = fc.oneof(
      fc.constantFrom('now', 'later', 'stream', 'nowhere').map((name) => ({ name, bytes: 0 })),
      fc.constantFrom(0, 1, 1_000, 100_000).map((bytes) => ({ name: 'echo', bytes })),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(kind, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 20, max: 5_000 }),
        async (kinds, size) => {
          const expected = kinds.map(({ name, bytes }, id) =>
            name === 'nowhere' ? '404' : name === 'echo' ? `[${id}:${bytes}]` : `[${id}]`,
          );
          const requests = kinds.map(({ name, bytes }, id) => {
            const isLast = id === kinds.length - 1;
            const [method, length] = name === 'echo' ? ['POST', `content-length: ${bytes}\r\n`] : ['GET', ''];
            return `${method} /${name}/${id} HTTP/1.1\r\nhost: 127.0.0.1:${started.port}\r\n${length}${isLast ? 'connection: close\r\n' : ''}\r\n${'x'.repeat(bytes)}`;
          });
          const socket = await connected(started.port);
          const sent = requests.join('');
          const read = text(socket);
          for (let at = 0; at < sent.length; at += size * 20) socket.write(sent.slice(at, at + size * 20));
          const answers = (await read).split(/(?=HTTP\/1\.1 )/);
          expect(answers.map((answer) => /^HTTP\/1\.1 (404)/.exec(answer)?.[1] ?? bodyOf(answer))).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Of an answer in one piece or in chunks. */
function bodyOf(answer: string): string {
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  if (!/transfer-encoding: chunked/i.test(answer)) return body;
  let whole = '';
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, end), 16);
    if (size === 0) return whole;
    whole += body.slice(end + 2, end + 2 + size);
    at = end + 4 + size;
  }
}
