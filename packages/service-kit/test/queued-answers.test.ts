import { connect } from 'node:net';
import { once } from 'node:events';
import { PassThrough, pipeline } from 'node:stream';
import { expect, it } from '@jest/globals';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  raw,
  requestFacts,
  type Log,
} from '@taskgraph/service-kit';

const PIPELINED = 20;

it('ends what waits behind another answer of a connection when that is lost', async () => {
  const streams: PassThrough[] = [];
  const signals: AbortSignal[] = [];
  const metrics = createMetrics('shop');
  await using service = await createHttpService({
    name: 'shop',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
    log: createLog({ service: 'shop', level: 'silent' }) satisfies Log,
    metrics,
    health: createHealth(),
    routes(app) {
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
    },
  });
  const { port } = await service.listen();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (let index = 0; index < PIPELINED; index += 1)
    socket.write(`GET /${index % 2 === 0 ? 'by-hand' : 'by-reply'} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  while (streams.length < PIPELINED) await new Promise(setImmediate);
  expect(signals.filter(({ aborted }) => aborted)).toEqual([]);

  socket.resetAndDestroy();
  while (streams.some(({ destroyed }) => !destroyed) || signals.some(({ aborted }) => !aborted))
    await new Promise(setImmediate);
  const told = await metrics.registry.metrics();
  expect(told).toMatch(new RegExp(`_count\\{[^}]*route="/by-hand"[^}]*status="aborted"[^}]*\\} ${PIPELINED / 2}\n`));
  expect(told).toMatch(new RegExp(`_count\\{[^}]*route="/by-reply"[^}]*status="aborted"[^}]*\\} ${PIPELINED / 2}\n`));
});

it('answers what waited when its turn comes', async () => {
  const turns: Array<() => void> = [];
  await using service = await createHttpService({
    name: 'shop',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
    log: createLog({ service: 'shop', level: 'silent' }),
    metrics: createMetrics('shop'),
    health: createHealth(),
    routes(app) {
      app.get(
        '/orders/:id',
        raw((_request, response, { params }) => void turns.push(() => response.end(`[${params['id']}]`))),
      );
    },
  });
  const { port } = await service.listen();
  const socket = connect(port, '127.0.0.1');
  for (const id of [1, 2, 3]) socket.write(`GET /orders/${id} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  while (turns.length < 3) await new Promise(setImmediate);
  for (const turn of [...turns].reverse()) turn();
  let read = '';
  socket.on('data', (bytes) => (read += bytes.toString()));
  while (!read.includes('[3]')) await once(socket, 'data');
  expect(read.match(/\[\d\]/g)).toEqual(['[1]', '[2]', '[3]']);
  socket.destroy();
});

it('leaves nothing of what is answered when the connection has gone already', async () => {
  const streams: PassThrough[] = [];
  let arrived = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const contentOf = async () => {
    arrived += 1;
    await opened;
    const content = new PassThrough();
    streams.push(content);
    return content;
  };
  await using service = await createHttpService({
    name: 'shop',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
    log: createLog({ service: 'shop', level: 'silent' }),
    metrics: createMetrics('shop'),
    health: createHealth(),
    routes(app) {
      app.get(
        '/by-hand',
        raw(async (_request, response) => void pipeline(await contentOf(), response, () => undefined)),
      );
      app.get('/by-reply', async (_request, reply) => reply.send(await contentOf()));
    },
  });
  const { port } = await service.listen();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (let index = 0; index < PIPELINED; index += 1)
    socket.write(`GET /${index % 2 === 0 ? 'by-hand' : 'by-reply'} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  while (arrived < PIPELINED) await new Promise(setImmediate);
  socket.resetAndDestroy();
  let left = 1;
  while (left > 0) {
    left = await new Promise<number>((resolve) => service.server.getConnections((_error, count) => resolve(count)));
    await new Promise(setImmediate);
  }
  open();
  while (streams.length < PIPELINED || streams.some(({ destroyed }) => !destroyed)) await new Promise(setImmediate);
});
