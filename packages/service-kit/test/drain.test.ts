import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  raw,
  sendBody,
  type ServiceProcess,
} from '@taskgraph/service-kit';

const CLIENTS = 40;

function startService(shutdownDrainMs: number): Promise<ServiceProcess> {
  return createHttpService({
    name: 'drained',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 30_000, shutdownDrainMs },
    log: createLog({ service: 'drained', level: 'silent' }),
    metrics: createMetrics('drained'),
    health: createHealth(),
    routes: (app) => {
      app.get('/work', (_request, reply) => void reply.send({ done: true }));
    },
  });
}

interface Answer {
  readonly status: number;
  readonly connection: string | undefined;
}

function ask(url: string, path: string, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { agent, headers: agent ? {} : { connection: 'close' } }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, connection: response.headers.connection }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('a service that is told to stop', () => {
  it('answers busy clients until they have seen that it is not ready, and asks them to go elsewhere', async () => {
    const service = await startService(6_000);
    const { url } = await service.listen();
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    let isReady = true;
    const answers: Answer[] = [];
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (isReady) answers.push(await ask(url, '/work', agent));
    });
    while (answers.length < 10 * CLIENTS) await new Promise((resolve) => setImmediate(resolve));
    expect(new Set(answers.map(({ connection }) => connection))).toEqual(new Set(['keep-alive']));
    const before = answers.length;
    const stopped = service.close();
    // What a load balancer does.
    while ((await ask(url, '/health/ready')).status !== 503) await new Promise((resolve) => setImmediate(resolve));
    while (answers.length < before + 2 * CLIENTS) await new Promise((resolve) => setImmediate(resolve));
    isReady = false;
    await Promise.all(clients);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // Those of requests that were under way at the signal may still be kept.
    expect(answers.slice(before + CLIENTS).every(({ connection }) => connection === 'close')).toBe(true);
    agent.destroy();
    await stopped;
    await expect(ask(url, '/health/live')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait for connections that have asked for nothing, as browsers open them ahead', async () => {
    const service = await startService(0);
    const { port } = await service.listen();
    const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    while ((await connectionsOf(service)) < sockets.length) await new Promise((resolve) => setImmediate(resolve));
    const ended = sockets.map((socket) => once(socket.resume(), 'close'));
    const startedAt = performance.now();
    await service.close();
    // The grace is 30 s.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await Promise.all(ended);
  });

  it('cuts what asks for nothing whole at once, and tells of requests that it cuts after the grace', async () => {
    const lines: string[] = [];
    const service = await createHttpService({
      name: 'cut',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 100 },
      log: createLog({ service: 'cut', level: 'info', destination: { write: (line) => void lines.push(line) } }),
      metrics: createMetrics('cut'),
      health: createHealth(),
      routes: (app) => {
        app.get(
          '/never',
          raw(() => undefined),
        );
      },
    });
    const { port } = await service.listen();
    const sockets = ['GET /never HTTP/1.1\r\nhost: x\r\n\r\n', 'GET /nev'].map((text) => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write(text);
      return socket;
    });
    while ((await connectionsOf(service)) < sockets.length) await new Promise((resolve) => setImmediate(resolve));
    await delay(50);
    await service.close();
    const told = lines.map((line) => JSON.parse(line) as { msg: string; connections?: number });
    expect(told.filter(({ connections }) => connections !== undefined)).toEqual([
      expect.objectContaining({ connections: 1, msg: 'requests still in flight are cut' }),
    ]);
  });

  it('sends the answers that are under way, to clients that read slowly too', async () => {
    const answer = 'a'.repeat(16 * 1024 * 1024);
    const service = await createHttpService({
      name: 'sending',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 30_000 },
      log: createLog({ service: 'sending', level: 'silent' }),
      metrics: createMetrics('sending'),
      health: createHealth(),
      routes: (app) => {
        app.get(
          '/large',
          raw((_request, response) => sendBody(response, 200, {}, answer)),
        );
      },
    });
    const { port } = await service.listen();
    const socket = connect(port, '127.0.0.1').pause();
    socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'readable');
    const closed = service.close();
    await delay(300);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    await once(socket, 'close');
    expect(bytes).toBeGreaterThan(answer.length);
    await closed;
  });
});

function connectionsOf({ server }: ServiceProcess): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}
