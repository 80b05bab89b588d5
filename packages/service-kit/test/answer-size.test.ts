import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '../src/log.js';
import { createRemoteJwks } from '../src/remote-jwks.js';
import { createUpstream } from '@taskgraph/federation-engine/upstream';

const MIB = 2 ** 20;
const MAX_BYTES = MIB;
const log = createLog({ service: 'test', level: 'silent' });

/** JSON of exactly this many bytes. */
const textOf = (bytes: number) => `{"data":"${'x'.repeat(bytes - 11)}"}`;

async function startService(answer: (response: ServerResponse) => void) {
  const sent = { bytes: 0, closed: 0 };
  const server = createServer((request, response) => {
    request.resume();
    response.once('close', () => {
      sent.closed += 1;
      sent.bytes = request.socket.bytesWritten;
    });
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ask(url: string) {
  const upstream = createUpstream({ name: 'shop', url, log, timeoutMs: 60_000, maxAnswerBytes: MAX_BYTES });
  try {
    return await upstream.send({
      headers: {},
      body: '{"query":"{ok}"}',
      idempotent: false,
      signal: new AbortController().signal,
    });
  } finally {
    await upstream.close();
  }
}

/** Writes for ever, at the pace of who reads. */
function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const write = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', write);
  };
  write();
}

describe('the answer of a service', () => {
  it.each([
    ['as it is', (response: ServerResponse) => response.end(textOf(MAX_BYTES))],
    ['with gzip', (response: ServerResponse) => end(response, 'gzip', gzipSync(textOf(MAX_BYTES)))],
    ['with br', (response: ServerResponse) => end(response, 'br', brotliCompressSync(textOf(MAX_BYTES)))],
  ])('may have as many bytes as are allowed: %s', async (_what, answer) => {
    await using service = await startService((response) => void answer(response));
    expect((await ask(service.url)).text).toHaveLength(MAX_BYTES);
  });

  it.each([
    ['told before', (response: ServerResponse) => response.end(textOf(MAX_BYTES + 1))],
    ['in chunks', (response: ServerResponse) => (response.write('{'), response.end(textOf(MAX_BYTES)))],
    ['without an end', flood],
    ['with gzip', (response: ServerResponse) => end(response, 'gzip', gzipSync(textOf(MAX_BYTES + 1)))],
    ['with br', (response: ServerResponse) => end(response, 'br', brotliCompressSync(textOf(MAX_BYTES + 1)))],
    ['with much in little gzip', (response: ServerResponse) => end(response, 'gzip', bombs().gzip)],
    ['with much in little br', (response: ServerResponse) => end(response, 'br', bombs().br)],
  ])('is given up beyond that: %s', async (_what, answer) => {
    await using service = await startService((response) => void answer(response));
    // Making what is too much takes memory too.
    bombs();
    const before = process.memoryUsage().rss;
    await expect(ask(service.url)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'ANSWER_TOO_LARGE',
      details: { subgraph: 'shop', maxBytes: MAX_BYTES },
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB);
    while (service.sent.closed === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('is bounded for signing keys too', async () => {
    await using service = await startService(flood);
    const jwks = createRemoteJwks({ url: service.url, log });
    await expect(jwks.getKey('a')).rejects.toThrow('more than 1048576 bytes');
  });
});

function end(response: ServerResponse, encoding: string, body: Buffer): void {
  response.setHeader('content-encoding', encoding);
  response.end(body);
}

let made: { gzip: Buffer; br: Buffer } | undefined;
/** 200 MB of spaces. */
function bombs() {
  if (made) return made;
  const text = Buffer.alloc(200 * MIB, ' ');
  const params = { [constants.BROTLI_PARAM_QUALITY]: 1 };
  return (made = { gzip: gzipSync(text, { level: 1 }), br: brotliCompressSync(text, { params }) });
}
