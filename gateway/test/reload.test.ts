import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { composeSdl, library, startGateway, startSubgraph } from './fake-subgraphs.js';

const RELOADS = 6;
const PAUSE_MS = 300;
const CLIENTS = 8;
const QUERIES = [
  '{ books { title author { name } } }',
  'query One($id: ID!) { book(id: $id) { id author { born } } }',
  '{ authors { id name } books { id } }',
];

describe('a supergraph that changes under load', () => {
  it('costs no request', async () => {
    await using gateway = await startGateway(library());
    const original = await readFile(gateway.supergraphPath, 'utf8');
    let stop = false;
    let answered = 0;
    const failures: string[] = [];
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = client; !stop; round += 1) {
        const query = QUERIES[round % QUERIES.length] as string;
        const { status, body } = await gateway.run(query, { variables: query.includes('$id') ? { id: '1' } : {} });
        answered += 1;
        if (status !== 200 || body.errors) failures.push(`${status} ${JSON.stringify(body)}`);
      }
    });
    for (let reload = 1; reload <= RELOADS; reload += 1) {
      const field = `added${reload}`;
      await writeFile(
        gateway.supergraphPath,
        original.replaceAll('broken: String', `broken: String\n  ${field}: String`),
      );
      await delay(PAUSE_MS);
    }
    // The last version serves in the end.
    for (;;) {
      const { body } = await gateway.run(`{ __type(name: "Query") { fields { name } } }`);
      const { fields } = body.data.__type as { fields: Array<{ name: string }> };
      if (fields.some(({ name }) => name === `added${RELOADS}`)) break;
      await delay(20);
    }
    stop = true;
    await Promise.all(clients);
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(RELOADS);
  });
});

describe('a subgraph that moves', () => {
  it('answers at its old address what it was asked there', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let arrived: () => void = () => undefined;
    const fetching = new Promise<void>((resolve) => (arrived = resolve));
    await using gateway = await startGateway(
      library({
        intercept: (_request, response) => {
          arrived();
          void held.then(() => response.end('{"data":{"_entities":[{"name":"Jane"},{"name":"George"}]}}'));
          return true;
        },
      }),
      { SUBGRAPH_TIMEOUT_MS: '60000' },
    );
    const answer = gateway.run('{ books { author { name } } }');
    await fetching;
    const original = await readFile(gateway.supergraphPath, 'utf8');
    await writeFile(
      gateway.supergraphPath,
      original.replaceAll(gateway.subgraphs['authors']?.url ?? '', 'http://127.0.0.1:1/graphql'),
    );
    const isReloaded = async () =>
      /reloads_total\{[^}]*outcome="ok"[^}]*\} 1/.test(await (await fetch(`${gateway.url}/metrics`)).text());
    while (!(await isReloaded()));
    release();
    const { body } = await answer;
    expect(body).toEqual({ data: { books: ['Jane', 'Jane', 'George'].map((name) => ({ author: { name } })) } });
  });
});

describe('a version of the graph', () => {
  const isLoaded = async (url: string) =>
    /reloads_total\{[^}]*outcome="ok"[^}]*\} 1/.test(await (await fetch(`${url}/metrics`)).text());

  it('is asked as a whole: an operation goes to the addresses that it was compiled for', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let arrived: () => void = () => undefined;
    const fetching = new Promise<void>((resolve) => (arrived = resolve));
    const [books, authors] = library();
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const Query = {
      book: async () => {
        arrived();
        await held;
        return { id: '1', author: { id: 'a' } };
      },
    };
    await using gateway = await startGateway([{ ...books, resolvers: { Query } }, authors]);
    const __resolveReference = ({ id }: { id: string }) => ({ id, name: 'of the new version' });
    const moved = await startSubgraph({ ...authors, resolvers: { Author: { __resolveReference } } });
    try {
      const before = gateway.run('{ book(id: 1) { author { name } } }');
      await fetching;
      const original = await readFile(gateway.supergraphPath, 'utf8');
      await writeFile(gateway.supergraphPath, original.replaceAll(gateway.subgraphs['authors']?.url ?? '', moved.url));
      while (!(await isLoaded(gateway.url)));
      const after = gateway.run('{ book(id: 1) { author { name } } }');
      release();
      expect((await before).body).toEqual({ data: { book: { author: { name: 'Jane Austen' } } } });
      expect((await after).body).toEqual({ data: { book: { author: { name: 'of the new version' } } } });
    } finally {
      await moved.stop();
    }
  });

  it('is what health and metrics tell of: a subgraph that is gone leaves them', async () => {
    const [books, authors] = library();
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const films = {
      name: 'films',
      typeDefs: 'type Query { films: [String] }',
      resolvers: { Query: { films: () => ['x'] } },
    };
    await using gateway = await startGateway([books, authors, films]);
    await gateway.run('{ films books { author { name } } }');
    const told = async () => {
      const health = (await (await fetch(`${gateway.url}/health`)).json()) as { dependencies: object };
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      const named = metrics.split('\n').filter((line) => /subgraph="films"/.test(line));
      return { dependencies: Object.keys(health.dependencies).sort(), named: named.length > 0 };
    };
    expect(await told()).toEqual({ dependencies: ['authors', 'books', 'films', 'upload spool'], named: true });
    const known = [books, authors].map(({ name, typeDefs }) => ({
      name,
      typeDefs,
      url: gateway.subgraphs[name]?.url ?? '',
    }));
    await writeFile(gateway.supergraphPath, composeSdl(known));
    while (!(await isLoaded(gateway.url)));
    expect(await told()).toEqual({ dependencies: ['authors', 'books', 'upload spool'], named: false });
    expect((await gateway.run('{ books { author { name } } }')).body.errors).toBeUndefined();
  });
});

describe('a supergraph that is refused', () => {
  it.each(['nowhere', 'ftp://books.test/graphql'])(
    'because a subgraph has no usable address costs the one before nothing: %s',
    async (address) => {
      await using gateway = await startGateway(library());
      const original = await readFile(gateway.supergraphPath, 'utf8');
      const { authors, books } = gateway.subgraphs;
      if (!authors || !books) throw new Error('the library has two subgraphs');
      const changed = original.replace(authors.url, 'http://127.0.0.1:1/moved').replace(books.url, address);
      await writeFile(gateway.supergraphPath, changed);
      for (;;) {
        const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
        if (/supergraph_reloads_total\{[^}]*outcome="refused"[^}]*\} 1/.test(metrics)) break;
      }
      const { body } = await gateway.run('{ books { title author { name } } }');
      expect(body.errors).toBeUndefined();
      expect(body.data?.['books']).toHaveLength(3);
    },
  );
});
