import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLog, createMemoryEventBus, type EventBus, type EventSubscription } from '@taskgraph/service-kit';
import { expectData, expectErrorCode, signTestToken } from '@taskgraph/testkit';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

describe('a gateway in front of subgraphs that it knows nothing of', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(library());
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('answers one query from two of them', async () => {
    const { books } = expectData(await gateway.run('{ books { title author { name } } }'));
    expect(books).toEqual([
      { title: 'Emma', author: { name: 'Jane Austen' } },
      { title: 'Persuasion', author: { name: 'Jane Austen' } },
      { title: 'Middlemarch', author: { name: 'George Eliot' } },
    ]);
  });

  it('hands the token and the request id on, and tells the id to the client', async () => {
    const token = signTestToken();
    const result = await gateway.run('{ book(id: "1") { author { born } } }', {
      token,
      headers: { 'x-request-id': 'request-42-of-test' },
    });
    expect(result.headers.get('x-request-id')).toBe('request-42-of-test');
    for (const name of ['books', 'authors']) {
      expect(gateway.subgraphs[name]?.requests.at(-1)?.headers).toMatchObject({
        authorization: `Bearer ${token}`,
        'x-request-id': 'request-42-of-test',
      });
    }
  });

  it('asks for nothing that needs a user who is not there, and says where and why', async () => {
    const fetches = () => gateway.subgraphs['books']?.requests.filter(({ query }) => !query.includes('books')).length;
    const before = fetches();
    const cases: ReadonlyArray<readonly [string, string | undefined, string, string]> = [
      ['{ books { id } private }', undefined, 'UNAUTHENTICATED', 'TOKEN_MISSING'],
      ['{ private }', signTestToken({ expiresInSeconds: -60 }), 'UNAUTHENTICATED', 'TOKEN_EXPIRED'],
      ['{ private }', 'garbage', 'UNAUTHENTICATED', 'TOKEN_INVALID'],
      ['fragment F on Query { x: private } query { ...F }', undefined, 'UNAUTHENTICATED', 'TOKEN_MISSING'],
      ['{ secret { value } }', undefined, 'UNAUTHENTICATED', 'TOKEN_MISSING'],
      ['{ audit }', signTestToken(), 'FORBIDDEN', 'SCOPE_MISSING'],
    ];
    for (const [query, token, code, reason] of cases) {
      const result = await gateway.run(query, token === undefined ? {} : { token });
      expect(expectErrorCode(result, code).extensions).toEqual({
        code,
        reason: 'UNAUTHORIZED_FIELD_OR_TYPE',
        cause: reason,
      });
      expect(JSON.stringify(result.body.data)).not.toMatch(/mine|all|hidden/);
      expect(result.status).toBe(200);
    }
    expect(expectErrorCode(await gateway.run('{ x: private }'), 'UNAUTHENTICATED').path).toEqual(['x']);
    expect(fetches()).toBe(before);
  });

  it('lets pass what is left out, and who may', async () => {
    expect(
      expectData(
        await gateway.run('query($no: Boolean!) { book(id: 1) { id } private @include(if: $no) }', {
          variables: { no: false },
        }),
      ),
    ).toEqual({ book: { id: '1' } });
    expectErrorCode(
      await gateway.run('query($no: Boolean!) { private @include(if: $no) }', { variables: { no: true } }),
      'UNAUTHENTICATED',
    );
    expect(expectData(await gateway.run('{ private secret { value } }', { token: signTestToken() }))).toEqual({
      private: 'mine',
      secret: { value: 'hidden' },
    });
    expect(expectData(await gateway.run('{ audit }', { token: signTestToken({ role: 'ADMIN' }) }))).toEqual({
      audit: 'all',
    });
  });

  it('answers 200 with the error in it to clients of the older media type', async () => {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: '{"query":"{ private }"}',
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('masks defects of subgraphs and never shows what they say or who they are made of', async () => {
    const result = await gateway.run('{ broken books { id } }');
    expect(result.body.data.books).toHaveLength(3);
    expect(result.body.errors).toEqual([
      {
        message: 'Something went wrong on our side.',
        path: ['broken'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: result.request.requestId, subgraph: 'books' },
      },
    ]);
  });

  it('codes what is wrong with the request', async () => {
    expectErrorCode(await gateway.run('{ nothing }'), 'GRAPHQL_VALIDATION_FAILED');
    expectErrorCode(await gateway.run('{'), 'GRAPHQL_PARSE_FAILED');
    expectErrorCode(await gateway.run('query($id: ID!) { book(id: $id) { id } }'), 'BAD_USER_INPUT');
    expectErrorCode(await gateway.run(`{ ${'a: __typename '.repeat(6_000)} }`), 'OPERATION_REJECTED');
    const unreadable = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect([unreadable.status, await unreadable.json()]).toEqual([
      400,
      { errors: [{ message: 'The request body cannot be read.', extensions: { code: 'BAD_REQUEST' } }] },
    ]);
    const large = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"query":"{ a }${' '.repeat(1_100_000)}"}`,
    });
    expect(large.status).toBe(413);
  });

  it('is safe from the forms of foreign pages', async () => {
    const form = new URLSearchParams({ query: 'mutation { addBook(title: "x") { id } }' });
    expect((await fetch(`${gateway.url}/graphql`, { method: 'POST', body: form })).status).toBe(415);
    expect((await fetch(`${gateway.url}/graphql?query={books{id}}`)).status).toBe(400);
    expect(
      (
        await fetch(`${gateway.url}/graphql?query={books{id}}`, {
          headers: { 'apollo-require-preflight': '1', accept: 'application/json' },
        })
      ).status,
    ).toBe(200);
    const mutationByGet = await fetch(`${gateway.url}/graphql?query=mutation{addBook(title:"x"){id}}`, {
      headers: { 'apollo-require-preflight': '1' },
    });
    expect(mutationByGet.status).toBe(405);
  });

  it('shows Apollo Sandbox to browsers', async () => {
    const page = await fetch(`${gateway.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await page.text()).toContain('embeddable-sandbox');
  });

  it('tells how it is and what it did', async () => {
    expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({
      status: 'ok',
      dependencies: { books: { status: 'ok', critical: false }, authors: { status: 'ok' } },
    });
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/taskgraph_gateway_operation_duration_seconds_count\{[^}]*type="query",outcome="ok"/);
    expect(metrics).toMatch(
      /taskgraph_gateway_subgraph_fetch_duration_seconds_count\{[^}]*subgraph="authors",outcome="ok"/,
    );
    expect(metrics).toMatch(/taskgraph_gateway_circuit_state\{[^}]*subgraph="books"[^}]*\} 0/);
    expect(metrics).not.toContain('Emma');
  });
});

describe('a new supergraph file', () => {
  it('is served without a restart; one that cannot be served is refused and the old one goes on', async () => {
    await using gateway = await startGateway(library());
    const original = await readFile(gateway.supergraphPath, 'utf8');
    expectErrorCode(await gateway.run('{ books { isbn: title } novels: books { id } x }'), 'GRAPHQL_VALIDATION_FAILED');

    await writeFile(gateway.supergraphPath, original.replaceAll('broken: String', 'broken: String\n  renamed: String'));
    while ((await gateway.run('{ renamed }')).body.errors?.[0]?.extensions?.code === 'GRAPHQL_VALIDATION_FAILED');

    await writeFile(gateway.supergraphPath, 'type Query { not: Finished');
    const reloads = async () =>
      /supergraph_reloads_total\{[^}]*outcome="refused"[^}]*\} ([0-9]+)/.exec(
        await (await fetch(`${gateway.url}/metrics`)).text(),
      )?.[1];
    while ((await reloads()) === undefined);
    expect(expectData(await gateway.run('{ books { id } }')).books).toHaveLength(3);
  });
});

describe('a gateway that is stopped', () => {
  it('finishes the request that it has', async () => {
    let answer: () => void = () => undefined;
    let asked: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    const gateway = await startGateway(
      library({
        books: {
          Query: {
            books: () =>
              new Promise((resolve) => {
                asked();
                answer = () => resolve([]);
              }),
          },
        },
      }),
    );
    const body = new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        `${gateway.url}/graphql`,
        { method: 'POST', headers: { 'content-type': 'application/json' } },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.end('{"query":"{ books { id } }"}');
    });
    await arrived;
    const closed = gateway.service.close();
    await expect(fetch(`${gateway.url}/health/live`)).rejects.toThrow();
    answer();
    expect(JSON.parse(await body)).toEqual({ data: { books: [] } });
    await closed;
    await gateway[Symbol.asyncDispose]();
  });
});

describe('a gateway that cannot start', () => {
  it('says why, and leaves nothing open', async () => {
    const bus = createMemoryEventBus({ log: createLog({ service: 'test', level: 'silent' }) });
    const open = new Set<EventSubscription>();
    const watched: EventBus = {
      ...bus,
      async subscribe(options) {
        const subscription = await bus.subscribe(options);
        open.add(subscription);
        return { close: () => (open.delete(subscription), subscription.close()) };
      },
    };
    // Nobody answers there: a connection that is not given up keeps this file from ending.
    const settings = { SUPERGRAPH_PATH: '/nowhere/supergraph.graphql', REDIS_URL: 'redis://127.0.0.1:1' };
    await expect(startGateway(library(), settings, { bus: watched })).rejects.toThrow('/nowhere/supergraph.graphql');
    expect(open.size).toBe(0);
    await bus.close();
  });
});
