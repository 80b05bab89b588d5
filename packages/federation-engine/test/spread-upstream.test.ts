import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { SILENT } from '../src/request/log.js';
import { createSpreadUpstream, type Address, type SpreadUpstreamOptions } from '../src/subgraphs/spread-upstream.js';

const OK = '{"data":{"ok":true}}';
const PROBE = '{"query":"{__typename}"}';

/** A replica that does what it is told; probes are answered as long as it is well. */
interface Replica extends AsyncDisposable {
  readonly port: number;
  readonly asked: string[];
  answer: (response: ServerResponse) => void;
  isWell: boolean;
}

async function startReplica(host = '127.0.0.1', port = 0): Promise<Replica> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (body !== PROBE) {
        asked.push(body);
        replica.answer(response);
      } else if (replica.isWell) response.end('{"data":{"__typename":"Query"}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const replica: Replica = {
    port: (server.address() as AddressInfo).port,
    asked,
    answer: (response) => response.end(OK),
    isWell: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return replica;
}

function spread(options: Partial<SpreadUpstreamOptions>) {
  const upstream = createSpreadUpstream({ name: 'shop', url: '', log: SILENT, timeoutMs: 60_000, ...options });
  const send = (more: { body?: string; idempotent?: boolean } = {}) =>
    upstream.send({
      headers: {},
      body: '{"query":"{ok}"}',
      idempotent: true,
      signal: new AbortController().signal,
      ...more,
    });
  return { upstream, send, [Symbol.asyncDispose]: () => upstream.close() };
}

const urlsOf = (...replicas: readonly Replica[]) => replicas.map(({ port }) => `http://127.0.0.1:${port}`).join(', ');

describe('a service at several addresses', () => {
  it('is asked at each in turn', async () => {
    await using first = await startReplica();
    await using second = await startReplica();
    await using one = spread({ url: urlsOf(first, second) });
    for (let call = 0; call < 6; call += 1) await one.send({ idempotent: false });
    expect([first.asked.length, second.asked.length]).toEqual([3, 3]);
  });

  it('has a circuit for each: one that hangs does not open it for the other', async () => {
    await using hung = await startReplica();
    await using well = await startReplica();
    hung.answer = () => undefined;
    hung.isWell = false;
    await using one = spread({ url: urlsOf(hung, well), timeoutMs: 50 });
    const { upstream } = one;
    const states = () => upstream.members().map((member) => member.upstream.circuit());
    while (states()[0] === 'closed') await one.send({ idempotent: false }).catch(() => undefined);
    expect(states()[1]).toBe('closed');
    expect(upstream.circuit()).toBe('closed');
    const before = well.asked.length;
    for (let call = 0; call < 10; call += 1) await one.send({ idempotent: false });
    expect(well.asked.length).toBe(before + 10);
    // And is taken back when it answers again, without any client.
    hung.answer = (response) => response.end(OK);
    hung.isWell = true;
    while (states()[0] !== 'closed') await nextTurn();
  });

  it.each([
    ['a balancer’s 502', (response: ServerResponse) => response.writeHead(502).end('<html>Bad gateway</html>')],
    ['a balancer’s 503', (response: ServerResponse) => response.writeHead(503).end('no server is available')],
    ['a reset connection', (response: ServerResponse) => response.socket?.resetAndDestroy()],
  ])('is asked again at another after %s: reads once, writes never', async (_what, fail) => {
    await using failing = await startReplica();
    await using well = await startReplica();
    failing.answer = fail;
    await using one = spread({ url: urlsOf(failing, well) });
    expect((await one.send()).body).toEqual({ data: { ok: true } });
    expect([failing.asked.length, well.asked.length]).toEqual([1, 1]);
    well.answer = fail;
    await expect(one.send()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([failing.asked.length, well.asked.length]).toEqual([2, 2]);
    await expect(one.send({ idempotent: false })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(failing.asked.length + well.asked.length).toBe(5);
  });

  it('is found in DNS, by the addresses that its host has now', async () => {
    await using first = await startReplica('127.0.0.2');
    await using second = await startReplica('127.0.0.3', first.port);
    let addresses: Address[] = [{ address: '127.0.0.2', family: 4 }];
    await using one = spread({
      url: `http://shop.test:${first.port}`,
      resolve: async () => [...addresses, { address: '127.0.0.3', family: 4 }],
      resolveMs: 10,
    });
    const { upstream } = one;
    while (upstream.members().length < 2) await nextTurn();
    expect(upstream.members().map(({ name }) => name)).toEqual([
      `http://shop.test:${first.port} [127.0.0.2]`,
      `http://shop.test:${first.port} [127.0.0.3]`,
    ]);
    for (let call = 0; call < 4; call += 1) await one.send({ idempotent: false });
    expect([first.asked.length, second.asked.length]).toEqual([2, 2]);
    addresses = [];
    while (upstream.members().length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe('a service at one address', () => {
  it.each([
    ['a balancer’s 502', (response: ServerResponse) => response.writeHead(502).end('<html>')],
    ['a balancer’s 503', (response: ServerResponse) => response.writeHead(503).end('down')],
  ])('is asked again there after %s: reads once, writes never', async (_what, fail) => {
    await using replica = await startReplica();
    await using one = spread({ url: urlsOf(replica) });
    replica.answer = (response) => {
      replica.answer = (next) => next.end(OK);
      fail(response);
    };
    expect((await one.send()).body).toEqual({ data: { ok: true } });
    expect(replica.asked).toHaveLength(2);
    replica.answer = fail;
    await expect(one.send({ idempotent: false })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'BAD_RESPONSE',
    });
    expect(replica.asked).toHaveLength(3);
  });

  it('is not asked again where it says itself, in GraphQL, that it is not there', async () => {
    await using replica = await startReplica();
    replica.answer = (response) => response.writeHead(503).end('{"errors":[{"message":"starting"}]}');
    await using one = spread({ url: urlsOf(replica) });
    expect((await one.send()).status).toBe(503);
    expect(replica.asked).toHaveLength(1);
  });

  it('is looked for in DNS by one look after the other, however long one takes', async () => {
    let underWay = 0;
    let most = 0;
    let looks = 0;
    const { upstream } = spread({
      url: 'http://shop.example:1',
      resolveMs: 1,
      async resolve() {
        looks += 1;
        most = Math.max(most, (underWay += 1));
        await new Promise((resolve) => setTimeout(resolve, 20));
        underWay -= 1;
        return [];
      },
    });
    while (looks < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    await upstream.close();
    expect(most).toBe(1);
  });
});
