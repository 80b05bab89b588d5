import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createHealth, createHttpService, createLog, createMetrics } from '@taskgraph/service-kit';

async function start(level: 'info' | 'warn' = 'info') {
  const lines: Array<Record<string, unknown>> = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const service = await createHttpService({
    name: 'shop',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000, guardsHosts: true },
    log: createLog({ service: 'shop', level, destination: { write } }),
    metrics: createMetrics('shop'),
    health: createHealth(),
    routes(app) {
      app.get<{ Params: { id: string } }>('/orders/:id', ({ params }, reply) => {
        reply.code(Number(params.id)).send();
      });
    },
  });
  const { port } = await service.listen();
  return { port, lines, [Symbol.asyncDispose]: () => service.close() };
}

/** Sends bytes, and waits until the server has closed the connection. */
async function send(port: number, bytes: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
  socket.resume();
  socket.write(bytes);
  await once(socket, 'close');
}

const get = (path: string, more = '', host = '127.0.0.1') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`;

describe('a request that is refused', () => {
  it.each([
    ['by a route', get('/orders/404'), { method: 'GET', route: '/orders/:id', status: '404' }],
    ['for want of a route', get('/secret-in-a-path'), { method: 'GET', status: '404' }],
    ['for its host', get('/', '', 'evil.example'), { method: 'GET', status: '421' }],
    ['for its headers', get('/', `x: ${'a'.repeat(20_000)}\r\n`), { status: '431' }],
    ['for what is no HTTP', 'nonsense\r\n\r\n', { status: '400' }],
  ])('%s has a line, without what it sent', async (_why, bytes, told) => {
    await using service = await start();
    await send(service.port, bytes);
    const line = () => service.lines.filter(({ msg }) => msg === 'request refused');
    while (line().length === 0) await new Promise(setImmediate);
    expect(line()).toEqual([expect.objectContaining({ level: 'info', ...told })]);
    expect(JSON.stringify(line())).not.toMatch(/secret-in-a-path|evil\.example|aaaa|nonsense|127\.0\.0\.1/);
  });

  it('is told from one that is answered, and in no log of warnings', async () => {
    await using service = await start();
    await send(service.port, get('/orders/200'));
    await using quiet = await start('warn');
    await send(quiet.port, get('/orders/404'));
    expect([...service.lines, ...quiet.lines].filter(({ msg }) => msg === 'request refused')).toEqual([]);
  });
});
