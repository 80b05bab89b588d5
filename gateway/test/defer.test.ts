import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { expectData, postIncremental, type AnswerPart } from '@taskgraph/testkit';
import { library, startGateway } from './fake-subgraphs.js';

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
      /operation_duration_seconds_count\{[^}]*outcome="errors"[^}]*\} 1/,
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

  it('is read by Apollo Client 4', async () => {
    const { fakes, release } = slowAuthors();
    await using gateway = await startGateway(fakes);
    const script = fileURLToPath(new URL('clients/apollo-client.mjs', import.meta.url));
    const query = '{ book(id: 1) { id title ... @defer { author { id name } } } }';
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, [script, `${gateway.url}/graphql`, query], { env: { PATH } });
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
