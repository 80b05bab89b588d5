import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { expectErrorCode } from '@taskgraph/testkit';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

const BOOKS = '{ books { title author { name } } }';

function post(gateway: GatewayUnderTest, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

describe('compression', () => {
  it('is off by default, and on both sides when it is asked for', async () => {
    const asked: string[] = [];
    const intercept = (request: IncomingMessage, response: ServerResponse) => {
      asked.push([request.headers['accept-encoding']].flat().join());
      response.setHeader('content-type', 'application/json');
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync('{"data":{"_entities":[{"name":"Packed"},{"name":"Packed"}]}}'));
      return true;
    };
    await using gateway = await startGateway(library({ intercept: intercept }), {
      COMPRESSION: '1',
      SUBGRAPH_COMPRESSION: '1',
    });
    const long = Array.from({ length: 30 }, (_, index) => `a${index}: title`).join(' ');
    const query = `{ books { ${long} author { name } } }`;
    const packed = await post(gateway, { query }, { 'accept-encoding': 'gzip' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.headers.get('vary')).toBe('accept-encoding');
    const { data } = (await packed.json()) as { data: { books: Array<{ author: unknown }> } };
    expect(data.books.map(({ author }) => author)).toEqual([
      { name: 'Packed' },
      { name: 'Packed' },
      { name: 'Packed' },
    ]);
    expect(asked).toContain('gzip, br');
    for (const encoding of ['identity', 'gzip;q=0'])
      expect(
        (await post(gateway, { query }, { 'accept-encoding': encoding })).headers.get('content-encoding'),
      ).toBeNull();
    // Short answers are not worth it.
    expect((await post(gateway, { query: '{ __typename }' })).headers.get('content-encoding')).toBeNull();

    await using plain = await startGateway(library());
    expect((await post(plain, { query }, { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBeNull();
    expect(plain.subgraphs['authors']?.requests[0]?.headers['accept-encoding']).toBeUndefined();
  });
});

describe('text', () => {
  it('arrives as it is, whatever characters it is of, with its length in bytes', async () => {
    for (const name of ['Ada', 'Zoë', 'Grüße, Łukasz', '山田太郎', '🦦', '\u2028"\\']) {
      const intercept = (_request: IncomingMessage, response: ServerResponse) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ data: { _entities: [{ name }, { name }] } }));
        return true;
      };
      await using gateway = await startGateway(library({ intercept }));
      const response = await post(gateway, { query: BOOKS });
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(response.headers.get('content-length')).toBe(String(bytes.length));
      const { data } = JSON.parse(bytes.toString('utf8')) as { data: { books: Array<{ author: unknown }> } };
      expect(data.books[0]?.author).toEqual({ name });
    }
  });
});

describe('batches', () => {
  it('are answered in their order, each operation by itself, and have a limit', async () => {
    await using gateway = await startGateway(library(), { MAX_BATCH_OPERATIONS: '3' });
    const answers = (await (
      await post(gateway, [{ query: BOOKS }, { query: '{ nothing }' }, 'garbage'])
    ).json()) as Array<{
      data?: { books: unknown[] };
      errors?: Array<{ extensions: { code: string } }>;
    }>;
    expect(answers[0]?.data?.books).toHaveLength(3);
    expect(answers.slice(1).map(({ errors }) => errors?.[0]?.extensions.code)).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
      'BAD_REQUEST',
    ]);
    expect((await post(gateway, [])).status).toBe(400);
    expect(
      (
        await post(
          gateway,
          Array.from({ length: 4 }, () => ({ query: BOOKS })),
        )
      ).status,
    ).toBe(400);
  });
});

describe('automatic persisted queries', () => {
  it('take the hash when the text is known, by POST and by GET', async () => {
    await using gateway = await startGateway(library());
    const sha256Hash = createHash('sha256').update(BOOKS).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const ask = async (body: object) => (await (await post(gateway, body)).json()) as Record<string, unknown>;
    expect(await ask({ extensions })).toEqual({
      errors: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    });
    expect(await ask({ query: BOOKS, extensions })).toHaveProperty('data.books');
    expect(await ask({ extensions })).toHaveProperty('data.books');
    const url = new URL(`${gateway.url}/graphql`);
    url.searchParams.set('extensions', JSON.stringify(extensions));
    const get = await fetch(url, { headers: { 'apollo-require-preflight': 'true' } });
    expect(await get.json()).toHaveProperty('data.books');
    expect(await ask({ query: '{ books { id } }', extensions })).toHaveProperty(
      'errors.0.extensions.code',
      'BAD_REQUEST',
    );
  });
});

describe('an operation that takes too long', () => {
  it('is answered with what is there, and a code for the rest', async () => {
    let hangs = false;
    await using gateway = await startGateway(library({ intercept: () => hangs }), { OPERATION_TIMEOUT_MS: '2000' });
    // Planned before: what is left of the time is the answer of one subgraph, and waiting for the other.
    expect((await gateway.run(BOOKS)).body.errors).toBeUndefined();
    hangs = true;
    const result = await gateway.run(BOOKS);
    expect(result.body.data.books).toHaveLength(3);
    expect(expectErrorCode(result, 'DEADLINE_EXCEEDED').path).toEqual(['books', 0, 'author']);
  });

  it('is refused when it is larger than can be served', async () => {
    await using gateway = await startGateway(library());
    const doubled = Array.from(
      { length: 20 },
      (_, index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
    );
    const query = `{ ...F0 } ${doubled.join(' ')} fragment F20 on Query { __typename }`;
    expectErrorCode(await gateway.run(query), 'OPERATION_REJECTED');
    expectErrorCode(await gateway.run('{ __proto__: __typename }'), 'GRAPHQL_VALIDATION_FAILED');
  });
});
