import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Log } from '../src/log.js';
import {
  createUpstream,
  Fault,
  type Upstream,
  type UpstreamOptions,
  type UpstreamRequest,
} from '@taskgraph/federation-engine/upstream';

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
}

const PROBE = '{"query":"{__typename}"}';
const OK = '{"data":{"ok":true}}';

/** A service that does what `answer` says, but for probes, which are answered as long as `isWell`. */
async function startService(answer: (asked: Asked) => void, options: Partial<UpstreamOptions> = {}) {
  const service = { isWell: true, probes: 0 };
  const lines: Array<Record<string, unknown>> = [];
  const verdicts: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (body !== PROBE) return answer({ request, response, body });
      service.probes += 1;
      if (service.isWell) response.end('{"data":{"__typename":"Query"}}');
      return undefined;
    });
    if (request.headers['content-type'] === 'now') answer({ request, response, body });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  ) as unknown as Log;
  const upstream = createUpstream({
    name: 'shop',
    url: `http://127.0.0.1:${port}`,
    log,
    timeoutMs: 60_000,
    onVerdict: (verdict, reason) => verdicts.push(`${verdict} ${reason}`),
    ...options,
  });
  return {
    service,
    server,
    port,
    upstream,
    lines,
    verdicts,
    async [Symbol.asyncDispose]() {
      await upstream.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(upstream: Upstream, request: Partial<UpstreamRequest> = {}) {
  return upstream.send({
    headers: {},
    body: '{"query":"{ok}"}',
    idempotent: false,
    signal: new AbortController().signal,
    ...request,
  });
}

/** What many calls after each other end with. */
async function sendMany(upstream: Upstream, request: () => Partial<UpstreamRequest>, count = 20): Promise<unknown[]> {
  const reasons: unknown[] = [];
  for (let call = 0; call < count; call += 1) {
    const error: unknown = await send(upstream, request()).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    reasons.push(error instanceof Fault ? error.reason : error);
  }
  return reasons;
}

const isOpened = ({ msg }: Record<string, unknown>) => msg === 'circuit opened';

describe('the circuit of a service', () => {
  it('stays closed where one client asks for what takes too long, one after the other and all at once', async () => {
    await using started = await startService(
      ({ response, body }) => {
        if (!body.includes('login')) response.end(OK);
      },
      // The cheapest question is answered within it on a busy machine as well.
      { timeoutMs: 1_500, maxConnections: 4 },
    );
    const { upstream, verdicts } = started;
    const expensive = { body: '{"query":"{ login }"}' };
    expect(await sendMany(upstream, () => expensive, 6)).toEqual(Array(6).fill('TIMEOUT'));
    const atOnce = await Promise.all(Array.from({ length: 20 }, () => sendMany(upstream, () => expensive, 1)));
    expect(atOnce.flat()).toEqual(Array(20).fill('TIMEOUT'));
    while (verdicts.length < 26) await nextTurn();
    expect(new Set(verdicts)).toEqual(new Set(['none TIMEOUT']));
    expect(upstream.circuit()).toBe('closed');
    expect((await send(upstream)).body).toEqual({ data: { ok: true } });
    expect(started.lines.filter(isOpened)).toEqual([]);
  });

  it.each([
    ['no JSON', (response: ServerResponse) => response.writeHead(413).end('<html>too large</html>')],
    ['JSON', (response: ServerResponse) => response.writeHead(400).end('{"errors":[{"message":"no"}]}')],
    [
      'no answer but the end of the connection',
      (response: ServerResponse) => response.writeHead(431).socket?.destroy(),
    ],
  ])('stays closed where a request is refused with %s', async (_what, refuse) => {
    await using started = await startService(({ response }) => void refuse(response));
    await sendMany(started.upstream, () => ({}), 20);
    expect(started.upstream.circuit()).toBe('closed');
  });

  it('stays closed for requests that cannot be sent, and for clients that go away', async () => {
    const arrivals: Array<() => void> = [];
    await using started = await startService(() => arrivals.pop()?.());
    const { upstream } = started;
    await sendMany(upstream, () => ({ headers: { authorization: 'Bearer a\r\nX: 1' } }));
    for (let call = 0; call < 20; call += 1) {
      const client = new AbortController();
      const arrived = new Promise<void>((resolve) => arrivals.push(resolve));
      const answer = send(upstream, { signal: client.signal });
      await arrived;
      client.abort(new Error('gone'));
      await expect(answer).rejects.toThrow('gone');
    }
    expect(upstream.circuit()).toBe('closed');
    expect(started.service.probes).toBe(0);
    expect(new Set(started.verdicts)).toEqual(new Set(['none CALLER']));
  });

  it('stays closed for uploads that are too large, broken off, or refused before they are read', async () => {
    await using started = await startService(({ response, request }) => {
      response.writeHead(400, { connection: 'close' }).end('refused');
      request.socket.destroySoon();
    });
    async function* upload(end: Error | null) {
      for (let chunk = 0; chunk < 40; chunk += 1) yield Buffer.alloc(64 * 1024);
      if (end) throw end;
    }
    const { upstream } = started;
    const tooLarge = new Fault('BAD_USER_INPUT', 'A file has at most 1 bytes.', { reason: 'UPLOAD_TOO_LARGE' });
    await sendMany(upstream, () => ({ body: upload(tooLarge) }), 10);
    await sendMany(upstream, () => ({ body: upload(new Error('the client went away')) }), 10);
    await sendMany(upstream, () => ({ body: upload(null), headers: { 'content-type': 'now' } }), 10);
    expect(upstream.circuit()).toBe('closed');
  });

  it('is not kept closed by clients that go away', async () => {
    const arrivals: Array<() => void> = [];
    await using started = await startService(({ response }) => {
      const arrived = arrivals.pop();
      if (arrived) arrived();
      else response.writeHead(502).end('Bad gateway');
    });
    const { upstream } = started;
    for (let call = 0; call < 20; call += 1) {
      const client = new AbortController();
      const arrived = new Promise<void>((resolve) => arrivals.push(resolve));
      const answer = send(upstream, { signal: client.signal });
      await arrived;
      client.abort(new Error('gone'));
      await expect(answer).rejects.toThrow('gone');
    }
    await sendMany(upstream, () => ({}), 5);
    expect(started.lines.filter(isOpened)).not.toEqual([]);
  });

  it('opens where nobody listens, and says once why', async () => {
    const started = await startService(() => undefined, { breakerResetMs: 20 });
    const { upstream, lines, server } = started;
    server.close();
    server.closeAllConnections();
    expect(await sendMany(upstream, () => ({}), 5)).toEqual(Array(5).fill('CONNECTION'));
    expect(upstream.circuit()).not.toBe('closed');
    // Tried again and again, in vain.
    for (let round = 0; round < 3; round += 1) {
      await delay(25);
      expect(await sendMany(upstream, () => ({}), 1)).toEqual(['CIRCUIT_OPEN']);
    }
    await upstream.close();
    const [line, ...more] = lines.filter(isOpened);
    expect(more).toEqual([]);
    expect(line).toMatchObject({ subgraph: 'shop', err: { message: expect.stringContaining('ECONNREFUSED') } });
  });

  it.each([
    ['answers nothing at all', () => undefined],
    ['breaks every connection', ({ request }: Asked) => request.socket.destroy()],
    ['answers what is no JSON', ({ response }: Asked) => response.end('<html>')],
  ])('opens where the service %s, the cheapest question included', async (_what, answer) => {
    await using started = await startService((asked) => void answer(asked), { timeoutMs: 100 });
    const { upstream, service } = started;
    service.isWell = false;
    while ((await sendMany(upstream, () => ({}), 1))[0] !== 'CIRCUIT_OPEN');
    expect(upstream.circuit()).not.toBe('closed');
    expect(started.verdicts.filter((verdict) => verdict.startsWith('failure')).length).toBeGreaterThanOrEqual(5);
  });

  it('is tried by a question of its own without any client, and closes when that is answered', async () => {
    let isBroken = true;
    await using started = await startService(
      ({ response }) => (isBroken ? response.writeHead(503).end('starting') : response.end(OK)),
      { breakerResetMs: 30 },
    );
    const { upstream, service, lines } = started;
    service.isWell = false;
    await sendMany(upstream, () => ({}), 5);
    // Tried again and again, though no client asks for anything.
    while (service.probes < 3) await nextTurn();
    expect(await sendMany(upstream, () => ({}), 1)).toEqual(['CIRCUIT_OPEN']);
    isBroken = false;
    service.isWell = true;
    while (upstream.circuit() !== 'closed') await nextTurn();
    expect(await sendMany(upstream, () => ({}), 1)).toEqual([null]);
    expect(lines.map(({ msg }) => msg)).toEqual(['circuit opened', 'circuit closed']);
  });

  it('is not closed for good by a service that answers nothing but that question, and is told of once', async () => {
    let isBroken = true;
    let asked = 0;
    await using started = await startService(
      ({ response }) => {
        asked += 1;
        if (isBroken) response.writeHead(502).end('Bad gateway');
        else response.end(OK);
      },
      { breakerResetMs: 60 },
    );
    const { upstream, service, lines } = started;
    while (!(await sendMany(upstream, () => ({}), 1)).includes('CIRCUIT_OPEN'));
    // From its second trial on, one call is enough, and the circuit counts as closed for nobody.
    const askedUntil = async (probes: number) => {
      while (service.probes < probes) await sendMany(upstream, () => ({}), 1);
      return asked;
    };
    const first = await askedUntil(2);
    const states = new Set<string>();
    while (service.probes < 12) {
      await sendMany(upstream, () => ({}), 1);
      states.add(upstream.circuit());
    }
    expect(states).not.toContain('closed');
    expect(asked - first).toBeLessThanOrEqual(12);
    expect(lines.map(({ msg }) => msg)).toEqual(['circuit opened', 'circuit closed', 'circuit opened']);
    isBroken = false;
    while (upstream.circuit() !== 'closed') await sendMany(upstream, () => ({}), 1);
    expect(lines.map(({ msg }) => msg).slice(3)).toEqual(['circuit closed']);
    // And it has a whole window again before it opens.
    isBroken = true;
    expect(await sendMany(upstream, () => ({}), 1)).toEqual(['BAD_RESPONSE']);
    expect(upstream.circuit()).toBe('closed');
  });

  it('learns nothing of a service that is back from requests that were sent before it was away', async () => {
    const held: ServerResponse[] = [];
    let isBroken = false;
    await using started = await startService(
      ({ response, body }) => {
        if (body.includes('held')) held.push(response);
        else if (isBroken) response.writeHead(502).end('Bad gateway');
        else response.end(OK);
      },
      { breakerResetMs: 20 },
    );
    const { upstream, service, lines } = started;
    const early = Array.from({ length: 10 }, () =>
      send(upstream, { body: '{"query":"{held}"}' }).catch((error: unknown) => error),
    );
    while (held.length < early.length) await nextTurn();
    isBroken = true;
    service.isWell = false;
    while (!(await sendMany(upstream, () => ({}), 1)).includes('CIRCUIT_OPEN'));
    isBroken = false;
    service.isWell = true;
    while ((await sendMany(upstream, () => ({}), 1))[0] !== null);
    for (const response of held) response.writeHead(502).end('Bad gateway');
    expect(await Promise.all(early)).toEqual(Array(10).fill(expect.objectContaining({ reason: 'BAD_RESPONSE' })));
    expect(upstream.circuit()).toBe('closed');
    expect(lines.filter(isOpened)).toHaveLength(1);
  });
});
