import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { expectData, postIncremental, type AnswerPart } from '@taskgraph/testkit';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

const DEFERRED = `query($wait: Boolean = false) {
  books { id title ... @defer(if: true, label: "who") { author { name } } } now: __typename @skip(if: $wait)
}`;

/** A library whose authors answer when they are let go. */
function slowAuthors() {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const __resolveReference = ({ id }: { id: string }) => ({ id, author: { id: id === '3' ? 'b' : 'a' } });
  const [books, authors] = library({ books: { Book: { __resolveReference } } });
  const slow = {
    ...(authors as NonNullable<typeof authors>),
    resolvers: {
      Author: {
        __resolveReference: async ({ id }: { id: string }) => {
          await released;
          if (id === 'b') throw new Error('no such author');
          return { id, name: 'Jane Austen', born: 1775 };
        },
      },
    },
  };
  return { fakes: [books as NonNullable<typeof books>, slow], release: () => release() };
}

describe('@defer', () => {
  it('answers the first part without waiting for the rest, and the rest in the places where it belongs', async () => {
    const { fakes, release } = slowAuthors();
    await using gateway = await startGateway(fakes);
    const parts: AnswerPart[] = [];
    for await (const part of postIncremental(gateway.url, { query: DEFERRED })) {
      parts.push(part);
      if (parts.length === 1) release();
    }
    expect(parts[0]).toEqual({
      data: {
        books: [
          { id: '1', title: 'Emma' },
          { id: '2', title: 'Persuasion' },
          { id: '3', title: 'Middlemarch' },
        ],
        now: 'Query',
      },
      hasNext: true,
    });
    const incremental = parts.slice(1).flatMap((part) => part.incremental ?? []);
    expect(incremental).toEqual([
      { label: 'who', path: ['books', 0], data: { author: { name: 'Jane Austen' } } },
      { label: 'who', path: ['books', 1], data: { author: { name: 'Jane Austen' } } },
      {
        label: 'who',
        path: ['books', 2],
        data: { author: null },
        errors: [expect.objectContaining({ path: ['books', 2, 'author'] })],
      },
    ]);
    expect(parts.map(({ hasNext }) => hasNext)).toEqual([true, true, true, false]);
  });

  it.each([
    ['twice', '{ books { ... @defer(label: "x") { title } } book(id: 1) { ... @defer(label: "x") { title } } }'],
    [
      'twice, in a fragment',
      '{ books { ...F @defer(label: "x") } } fragment F on Book { ... @defer(label: "x") { title } }',
    ],
    ['from a variable', 'query($l: String = "x") { books { ... @defer(label: $l) { title } } }'],
  ])('is refused where its label stands %s: clients know parts by it', async (_where, query) => {
    await using gateway = await startGateway(library());
    for (const accept of ['multipart/mixed;incrementalSpec=v0.2', 'application/json']) {
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify({ query }),
      });
      const text = await response.text();
      expect([text.includes('"GRAPHQL_VALIDATION_FAILED"'), text.includes('"data"')]).toEqual([true, false]);
    }
    const apart =
      '{ books { ... @defer(label: "x") { id } ... @defer(label: "y") { id } ... @defer { id } ... @defer(label: null) { id } } }';
    const { body } = await gateway.run(apart, { headers: { accept: 'application/json' } });
    expect(JSON.stringify(body)).not.toContain('GRAPHQL_VALIDATION_FAILED');
  });

  it('is answered at once to clients that read one answer, and where the condition says no', async () => {
    const { fakes, release } = slowAuthors();
    release();
    await using gateway = await startGateway(fakes);
    const whole = expectData(
      await gateway.run('{ book(id: 1) { title ... @defer { author { name } } } }', {
        headers: { accept: 'application/json' },
      }),
    );
    expect(whole).toEqual({ book: { title: 'Emma', author: { name: 'Jane Austen' } } });
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed;deferSpec=20220824, application/json' },
      body: JSON.stringify({ query: '{ book(id: 1) { title ... @defer(if: false) { author { name } } } }' }),
    });
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual({ data: whole });
  });

  it('hands out parts in parts, each after the one that it is in', async () => {
    const __resolveReference = ({ id }: { id: string }) => ({ id, title: 'Emma', author: { id: 'a' } });
    await using gateway = await startGateway(library({ books: { Book: { __resolveReference } } }));
    const query =
      '{ book(id: 1) { id ...Later } } fragment Later on Book { ... @defer { title ... @defer(label: "x") { author { name } } } }';
    const parts: AnswerPart[] = [];
    for await (const part of postIncremental(gateway.url, { query })) parts.push(part);
    expect(parts).toEqual([
      { data: { book: { id: '1' } }, hasNext: true },
      { incremental: [{ path: ['book'], data: { title: 'Emma' } }], hasNext: true },
      { incremental: [{ label: 'x', path: ['book'], data: { author: { name: 'Jane Austen' } } }], hasNext: false },
    ]);
  });

  it.each(['@include(if: $wanted)', '@skip(if: true)'])(
    'ends where a part waits for what is left out with %s',
    async (condition) => {
      await using gateway = await startGateway(library());
      const query = `query($wanted: Boolean = false) { books ${condition} { id title @include(if: $wanted) ... @defer { author { name } } } ... @defer { book(id: 1) { title } } }`;
      const parts: AnswerPart[] = [];
      for await (const part of postIncremental(gateway.url, { query })) parts.push(part);
      expect(parts).toEqual([
        { data: {}, hasNext: true },
        { incremental: [{ path: [], data: { book: { title: 'Emma' } } }], hasNext: false },
      ]);
    },
  );

  it('ends at the deadline of the operation, and is measured as one', async () => {
    const { fakes } = slowAuthors();
    await using gateway = await startGateway(fakes, { OPERATION_TIMEOUT_MS: '4000', SUBGRAPH_TIMEOUT_MS: '600000' });
    const parts: AnswerPart[] = [];
    for await (const part of postIncremental(gateway.url, { query: DEFERRED })) parts.push(part);
    const last = parts.slice(1).flatMap(({ incremental }) => incremental ?? []);
    expect(last).toHaveLength(3);
    for (const part of last) expect(part['errors']).toMatchObject([{ extensions: { code: 'DEADLINE_EXCEEDED' } }]);
    expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(
      /operation_duration_seconds_count\{[^}]*outcome="error"[^}]*\} 1/,
    );
  });

  it('is measured also when the client goes away before the last part', async () => {
    const { fakes } = slowAuthors();
    await using gateway = await startGateway(fakes);
    for await (const _part of postIncremental(gateway.url, { query: DEFERRED })) break;
    const isMeasured = async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes('operation_duration_seconds_count');
    while (!(await isMeasured()));
  });

  it.each(['Defer20220824Handler', 'GraphQL17Alpha9Handler'])('is read by Apollo Client 4: %s', async (handler) => {
    const { fakes, release } = slowAuthors();
    await using gateway = await startGateway(fakes);
    const script = fileURLToPath(new URL('clients/apollo-client.mjs', import.meta.url));
    const query = '{ book(id: 1) { id title ... @defer { author { id name } } } }';
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, [script, `${gateway.url}/graphql`, query, handler], { env: { PATH } });
    let failure = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (failure += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const states: Array<{ data?: { book: unknown }; dataState: string }> = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const state = JSON.parse(line) as (typeof states)[number];
      states.push(state);
      if (state.data) release();
    }
    expect([await ended, failure]).toEqual([0, '']);
    const book = { __typename: 'Book', id: '1', title: 'Emma' };
    expect(states.filter(({ data }) => data)).toMatchObject([
      { data: { book }, dataState: 'streaming' },
      {
        data: { book: { ...book, author: { __typename: 'Author', id: 'a', name: 'Jane Austen' } } },
        dataState: 'complete',
      },
    ]);
  });
});

describe('@defer in the form with pending parts', () => {
  const ACCEPT = 'multipart/mixed;incrementalSpec=v0.2,application/graphql-response+json,application/json;q=0.9';

  async function readParts(
    gateway: GatewayUnderTest,
    query: string,
    onFirst: () => void = () => undefined,
  ): Promise<object[]> {
    const parts: object[] = [];
    for await (const part of postIncremental(
      gateway.url,
      { query, headers: { accept: ACCEPT } },
      'incrementalSpec=v0.2',
    )) {
      parts.push(part);
      if (parts.length === 1) onFirst();
    }
    return parts;
  }

  it('announces what is put off, at each place, and says which of it is there or cannot be', async () => {
    const { fakes, release } = slowAuthors();
    await using gateway = await startGateway(fakes);
    const parts = await readParts(gateway, DEFERRED, release);
    expect(parts[0]).toEqual({
      data: {
        books: [
          { id: '1', title: 'Emma' },
          { id: '2', title: 'Persuasion' },
          { id: '3', title: 'Middlemarch' },
        ],
        now: 'Query',
      },
      pending: ['0', '1', '2'].map((id) => ({ id, label: 'who', path: ['books', Number(id)] })),
      hasNext: true,
    });
    expect(parts.slice(1)).toEqual([
      {
        incremental: [{ id: '0', data: { author: { name: 'Jane Austen' } } }],
        completed: [{ id: '0' }],
        hasNext: true,
      },
      {
        incremental: [{ id: '1', data: { author: { name: 'Jane Austen' } } }],
        completed: [{ id: '1' }],
        hasNext: true,
      },
      {
        incremental: [
          { id: '2', data: { author: null }, errors: [expect.objectContaining({ path: ['books', 2, 'author'] })] },
        ],
        completed: [{ id: '2' }],
        hasNext: false,
      },
    ]);
  });

  it('tells of a part that has become null by its errors only', async () => {
    const [books, authors] = library({ books: { Book: { __resolveReference: () => ({ title: null }) } } });
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const titles = {
      name: 'titles',
      typeDefs: TITLES,
      resolvers: { Book: { __resolveReference: () => ({ subtitle: null }) } },
    };
    await using gateway = await startGateway([books, authors, titles]);
    const parts = await readParts(gateway, '{ book(id: 1) { id ... @defer(label: "more") { subtitle } } }');
    expect(parts).toEqual([
      { data: { book: { id: '1' } }, pending: [{ id: '0', label: 'more', path: ['book'] }], hasNext: true },
      {
        completed: [{ id: '0', errors: [expect.objectContaining({ path: ['book', 'subtitle'] })] }],
        hasNext: false,
      },
    ]);
  });

  it('announces parts in parts when the one that they are in is there, and ends those that conditions empty', async () => {
    const __resolveReference = ({ id }: { id: string }) => ({ id, title: 'Emma', author: { id: 'a' } });
    await using gateway = await startGateway(library({ books: { Book: { __resolveReference } } }));
    const query =
      '{ book(id: 1) { id ... @defer { title ... @defer(label: "x") { author { name } } } ... @defer(label: "none") { author @skip(if: true) { name } } } }';
    const parts = (await readParts(gateway, query)) as Array<Record<string, unknown>>;
    expect(parts[0]).toMatchObject({ data: { book: { id: '1' } }, hasNext: true });
    const named = parts.flatMap(({ pending = [] }) => pending as Array<{ id: string; label?: string; path: unknown }>);
    expect(named.map(({ label, path }) => [label, path])).toContainEqual(['x', ['book']]);
    const completed = parts.flatMap(({ completed: ended = [] }) => ended as Array<{ id: string }>);
    expect(completed.map(({ id }) => id).sort()).toEqual(named.map(({ id }) => id).sort());
    const brought = parts.flatMap(({ incremental = [] }) => incremental as Array<{ data: object }>);
    expect(brought.map(({ data }) => data)).toEqual([{ title: 'Emma' }, { author: { name: 'Jane Austen' } }]);
    expect(parts.map(({ hasNext }) => hasNext)).toEqual([...parts.slice(1).map(() => true), false]);
  });
});

const TITLES = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { titles: Int }
  type Book @key(fields: "id") { id: ID! subtitle: String! }`;

describe('a client that reads parts only', () => {
  it.each(['deferSpec=20220824', 'incrementalSpec=v0.2'])('gets an answer that is whole in one: %s', async (format) => {
    await using gateway = await startGateway(library());
    const ask = async (query: string) => {
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: `multipart/mixed;${format}` },
        body: JSON.stringify({ query }),
      });
      expect(response.headers.get('content-type')).toBe(`multipart/mixed; boundary="-"; ${format}`);
      const text = await response.text();
      expect(text).toMatch(/^\r\n---\r\ncontent-type: application\/json; charset=utf-8\r\n\r\n\{.*\}\r\n-----\r\n$/s);
      return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as object;
    };
    expect(await ask('{ book(id: 1) { title } }')).toEqual({ data: { book: { title: 'Emma' } }, hasNext: false });
    expect(await ask('{ nothing }')).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
      hasNext: false,
    });
  });
});

describe('a client that leaves an answer in parts', () => {
  /** Timers that are set, but for those that are always there. */
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const measured = async (url: string) => {
    const metrics = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
    const counts = [...metrics.matchAll(/gateway_operation_duration_seconds_count\{[^}]*\} (\d+)/g)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it.each(['deferSpec=20220824', 'incrementalSpec=v0.2'])(
    'leaves no timer behind, and is measured once: %s',
    async (format) => {
      const { fakes, release } = slowAuthors();
      await using gateway = await startGateway(fakes, {
        OPERATION_TIMEOUT_MS: '600000',
        SUBGRAPH_TIMEOUT_MS: '600000',
      });
      await gateway.run('{ books { id } }', { headers: { connection: 'close' } });
      while ((await measured(gateway.url)) < 1);
      const before = timers();
      const clients = 20;
      for (let client = 0; client < clients; client += 1) {
        const gone = new AbortController();
        const response = await fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: `multipart/mixed;${format}`, connection: 'close' },
          body: JSON.stringify({ query: DEFERRED }),
          signal: gone.signal,
        });
        const reader = response.body?.getReader();
        await reader?.read();
        gone.abort();
        await reader?.closed.catch(() => undefined);
      }
      while ((await measured(gateway.url)) < clients + 1);
      // Each operation has a timer for its deadline; one or two of the platform's come and go.
      while (timers() > before + clients / 2) await nextTurn();
      release();
      expect(await measured(gateway.url)).toBe(clients + 1);
    },
  );

  it('before its first part is there leaves no timer behind either', async () => {
    let arrived: () => void = () => undefined;
    let asked = 0;
    const [books, authors] = library();
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const held = { ...books, intercept: () => ((asked += 1), arrived(), true) };
    await using gateway = await startGateway([held, authors], {
      OPERATION_TIMEOUT_MS: '600000',
      SUBGRAPH_TIMEOUT_MS: '600000',
    });
    const gone = new AbortController();
    const fetching = new Promise<void>((resolve) => (arrived = resolve));
    const headers = { accept: 'multipart/mixed;deferSpec=20220824' };
    const answer = gateway.run(DEFERRED, { headers, signal: gone.signal });
    await fetching;
    gone.abort();
    await expect(answer).rejects.toThrow();
    while ((await measured(gateway.url)) < 1);
    expect(asked).toBe(1);
  });
});
