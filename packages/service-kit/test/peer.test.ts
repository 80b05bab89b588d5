import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { CLIENT_INFO_HEADER } from '@taskgraph/contracts';
import {
  createClientInfoSigner,
  createClientInfoVerifier,
  createLog,
  createMetrics,
  createPeer,
} from '@taskgraph/service-kit';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function startPeer(handler: Handler, timeoutMs = 5_000) {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const peer = createPeer({
    name: 'media',
    url: `http://127.0.0.1:${port}`,
    metrics: createMetrics('t'),
    log: createLog({ service: 't', level: 'silent' }),
    timeoutMs,
    sign: createClientInfoSigner(SECRET),
  });
  return {
    peer,
    server,
    async [Symbol.asyncDispose]() {
      await peer.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const SECRET = 'a secret that both sides know, of some length';
const clientInfo = { ipAddress: '192.0.2.7', userAgent: 'browser', clientName: 'board' };
const caller = {
  authorization: 'Bearer t',
  requestId: 'request-1',
  signal: new AbortController().signal,
  clientInfo: { ...clientInfo, sessionCookieHash: 'A'.repeat(43) },
};
const json = (response: ServerResponse, body: unknown) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));

describe('createPeer', () => {
  it("asks in the viewer's name and gives the data back", async () => {
    const seen: Array<{ headers: IncomingMessage['headers']; body: unknown }> = [];
    await using started = await startPeer((request, response, body) => {
      seen.push({ headers: request.headers, body: JSON.parse(body) });
      json(response, { data: { ok: true } });
    });

    await expect(started.peer.query('query Q { ok }', { a: 1 }, caller)).resolves.toEqual({ ok: true });
    expect(seen).toEqual([
      {
        headers: expect.objectContaining({ authorization: 'Bearer t', 'x-request-id': 'request-1' }),
        body: { query: 'query Q { ok }', variables: { a: 1 } },
      },
    ]);
  });

  it('tells who asks, and nothing of cookies, so that the peer does not take this process for him', async () => {
    let header: unknown;
    await using started = await startPeer((request, response) => {
      header = request.headers[CLIENT_INFO_HEADER];
      json(response, { data: { ok: true } });
    });
    await started.peer.query('{ ok }', {}, caller);
    const verify = createClientInfoVerifier([SECRET]);
    expect(verify(String(header), 'request-1')).toEqual({ kind: 'accepted', info: clientInfo });
  });

  it('tries once more when the connection breaks', async () => {
    let calls = 0;
    await using started = await startPeer((request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else json(response, { data: { ok: true } });
    });

    await expect(started.peer.query('{ ok }', {}, caller)).resolves.toEqual({ ok: true });
    expect(calls).toBe(2);
  });

  it('is UNAVAILABLE, named, when nobody answers in time', async () => {
    await using started = await startPeer(() => undefined, 100);

    await expect(started.peer.query('{ ok }', {}, caller)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { subgraph: 'media' },
    });
  });

  it('stops asking once the peer has failed again and again', async () => {
    let calls = 0;
    await using started = await startPeer((_request, response) => {
      calls += 1;
      response.statusCode = 502;
      response.end('Bad gateway');
    });
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      await expect(started.peer.query('{ ok }', {}, caller)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    // Each is asked twice as long as the circuit is closed.
    expect(calls).toBeLessThanOrEqual(rounds);
  });

  it('passes on faults about the viewer, and takes other errors for trouble of the peer', async () => {
    let code = 'UNAUTHENTICATED';
    await using started = await startPeer((_request, response) =>
      json(response, { data: null, errors: [{ message: 'No.', extensions: { code, reason: 'TOKEN_EXPIRED' } }] }),
    );

    await expect(started.peer.query('{ ok }', {}, caller)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'TOKEN_EXPIRED',
    });
    code = 'INTERNAL_SERVER_ERROR';
    await expect(started.peer.query('{ ok }', {}, caller)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
