import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import {
  createHealth,
  createLog,
  createMetrics,
  createSubgraph,
  createTokenVerifier,
  type RequestContext,
} from '@taskgraph/service-kit';

async function start() {
  const service = await createSubgraph<RequestContext>({
    name: 'sample',
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
    log: createLog({ service: 'sample', level: 'silent' }),
    metrics: createMetrics('sample'),
    health: createHealth(),
    typeDefs: parse('type Query { open: String }'),
    resolvers: { Query: { open: () => 'open' } },
    verifier: createTokenVerifier({ jwks: { getKey: () => Promise.reject(new Error()) }, issuer: 'i', audience: 'a' }),
    context: (request) => request,
  });
  const { port, url } = await service.listen();
  return { port, url, [Symbol.asyncDispose]: () => service.close() };
}

const QUERY = Buffer.from('{"query":"{ open }"}');

function request(method: string, body: Buffer, headers: Readonly<Record<string, string>>): Buffer {
  const all = { host: 'x', 'content-length': String(body.length), 'content-type': 'application/json', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} /graphql HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}

/** Sends bytes over one connection, and returns what came back when as many answers are there, or the server has closed. */
function talk(port: number, bytes: Buffer, answers: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split('HTTP/1.1 ').length > answers && text.endsWith('}\n')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

/** Of UTF-16. */
const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16();

const statusesOf = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

const same = (body: Buffer) => body;
/** With more white space than a body may have. */
const padded = (body: Buffer) => Buffer.concat([body, Buffer.alloc(2 ** 21, ' ')]);

describe('a body in a coding', () => {
  it.each([
    ['deflate', 'deflate', deflateSync, 200],
    ['Brotli', ' BR ', brotliCompressSync, 200],
    ['no coding by its name', 'identity', same, 200],
    ['what ends too early', 'gzip', (body: Buffer) => gzipSync(body).subarray(0, -6), 400],
    ['what is in another coding than it says', 'br', gzipSync, 400],
    ['two codings', 'gzip, gzip', (body: Buffer) => gzipSync(gzipSync(body)), 415],
    ['a coding that nobody reads', 'zstd', same, 415],
    ['what is too large when it is unpacked', 'gzip', (body: Buffer) => gzipSync(padded(body)), 413],
    ['what is too large as it is', 'identity', padded, 413],
  ])('is read, or refused as what it is: %s', async (_name, coding, encode, status) => {
    await using graph = await start();
    const body = encode(QUERY);
    const headers = { 'content-type': 'application/json', 'content-encoding': coding };
    const answer = await fetch(new URL('/graphql', graph.url), { method: 'POST', headers, body });
    expect(answer.status).toBe(status);
    const { errors } = (await answer.json()) as { errors?: ReadonlyArray<{ extensions: { code: string } }> };
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(status === 200 ? undefined : ['BAD_REQUEST']);
  });

  const rest = Buffer.from('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(6_000));
  it.each([
    ['gzip that is none', 'gzip', rest, 400],
    ['deflate that is none', 'deflate', rest, 400],
    ['Brotli that is none', 'br', rest, 400],
    ['gzip with more behind it', 'gzip', Buffer.concat([gzipSync(QUERY), rest]), 400],
    ['gzip that is filled up', 'gzip', Buffer.concat([gzipSync(QUERY), Buffer.alloc(200_000)]), 200],
    ['deflate with more behind it', 'deflate', Buffer.concat([deflateSync(QUERY), rest]), 200],
    ['Brotli with more behind it', 'br', Buffer.concat([brotliCompressSync(QUERY), rest]), 200],
  ])('is read to its end before the next request: %s', async (_what, coding, body, status) => {
    await using graph = await start();
    const first = request('POST', body, { 'content-encoding': coding });
    const text = await talk(graph.port, Buffer.concat([first, request('POST', QUERY, {})]), 2);
    expect(statusesOf(text)).toEqual([status, 200]);
    expect(text).toMatch(/\{"data":\{"open":"open"\}\}\n$/);
  });

  it('ends its connection where it is too long, whatever comes of it', async () => {
    await using graph = await start();
    const body = Buffer.concat([gzipSync(QUERY), Buffer.alloc(2 ** 20)]);
    const first = request('POST', body, { 'content-encoding': 'gzip' });
    const text = await talk(graph.port, Buffer.concat([first, request('POST', QUERY, {})]), 2);
    expect(statusesOf(text)).toEqual([413]);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
  });
});

describe('a body in a charset', () => {
  const query = QUERY.toString();
  it.each([
    ['UTF-8', 'utf-8', QUERY],
    ['UTF-8 with a mark', 'utf-8', Buffer.from(`\ufeff${query}`)],
    ['UTF-8 with a mark, between quotes', '"UTF8"', Buffer.from(`\ufeff${query}`)],
    ['none', '', QUERY],
    ['none, between quotes', '""', QUERY],
    ['UTF-16', 'utf-16', Buffer.from(query, 'utf16le')],
    ['UTF-16 with the mark of its order', 'utf-16', Buffer.from(`\ufeff${query}`, 'utf16le')],
    ['UTF-16 with the mark of the other order', 'UTF-16', bigEndian(`\ufeff${query}`)],
    ['UTF-16 in an order that is named', 'utf-16le', Buffer.from(query, 'utf16le')],
    ['UTF-16 in the other order that is named', 'utf-16be', bigEndian(query)],
    ['UTF-16 in the other order that is named, with a mark', 'utf-16be', bigEndian(`\ufeff${query}`)],
  ])('is read, also in a coding: %s', async (_what, charset, body) => {
    await using graph = await start();
    const type = { 'content-type': `application/json; charset=${charset}` };
    const bytes = [
      request('POST', body, type),
      request('POST', gzipSync(body), { ...type, 'content-encoding': 'gzip' }),
    ];
    expect(statusesOf(await talk(graph.port, Buffer.concat(bytes), 2))).toEqual([200, 200]);
  });

  it.each([
    ['a mark that is not in front', 'utf-8', Buffer.from(`{\ufeff${query.slice(1)}`)],
    ['two marks', 'utf-8', Buffer.from(`\ufeff\ufeff${query}`)],
    ['a mark of another order than is named', 'utf-16le', bigEndian(`\ufeff${query}`)],
    ['half of a character', 'utf-16', bigEndian(`\ufeff${query}`).subarray(0, -1)],
  ])('is refused with %s', async (_what, charset, body) => {
    await using graph = await start();
    const type = { 'content-type': `application/json; charset=${charset}` };
    const bytes = Buffer.concat([request('POST', body, type), request('POST', QUERY, {})]);
    expect(statusesOf(await talk(graph.port, bytes, 2))).toEqual([400, 200]);
  });
});

describe('a body that is not read', () => {
  it.each(['PUT', 'PROPFIND', 'DELETE'])('ends its connection where it is long: %s', async (method) => {
    await using graph = await start();
    const bytes = request(method, QUERY, { 'content-length': String(2 ** 30) });
    const text = await talk(graph.port, bytes, 2);
    expect(statusesOf(text)).toEqual([405]);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
  });

  it.each([
    ['PUT', QUERY],
    ['DELETE', Buffer.alloc(0)],
  ])('leaves the connection to the next request where it has come: %s', async (method, body) => {
    await using graph = await start();
    const bytes = Buffer.concat([request(method, body, {}), request('POST', QUERY, {})]);
    expect(statusesOf(await talk(graph.port, bytes, 2))).toEqual([405, 200]);
  });
});
