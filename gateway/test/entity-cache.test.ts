import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectData,
  hasRedisServer,
  postIncremental,
  signTestToken,
  startRedisServer,
  uuid7,
  type RedisServer,
} from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { withoutAge } from './without-age.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

/** Books without a policy, and authors whose policy is given. Names change under the hands of the tests. */
function bookshop(
  cacheControl: () => string,
  isDown: () => boolean = () => false,
): { fakes: FakeSubgraph[]; names: Map<string, string> } {
  const names = new Map([
    ['a', 'Jane'],
    ['b', 'George'],
    ['c', 'Emily'],
  ]);
  const author = ({ id }: { id: string }) => {
    if (id === 'x') throw new Error('no such author');
    return names.has(id) ? { id, name: names.get(id) } : null;
  };
  const fakes: FakeSubgraph[] = [
    {
      name: 'books',
      typeDefs: `${LINK} type Query { books(authors: [ID!]!): [Book!]! } type Book { author: Author } type Author @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: { books: (_: unknown, { authors }: { authors: string[] }) => authors.map((id) => ({ author: { id } })) },
      },
      intercept: (_request, response) => {
        response.setHeader('cache-control', 'max-age=300, public');
        return false;
      },
    },
    {
      name: 'authors',
      typeDefs: `${LINK} type Query { authors: [Author!]! } type Mutation { rename(id: ID!, name: String!): Author renameInPayload(id: ID!, name: String!): Renamed remove(id: ID!): Removed }
        type Renamed { author: Author } type Removed { authorId: ID! }
        type Author @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: { authors: () => [...names].map(([id, name]) => ({ id, name })) },
        Mutation: {
          rename: (_: unknown, { id, name }: { id: string; name: string }) => {
            names.set(id, name);
            return { id, name };
          },
          renameInPayload: (_: unknown, { id, name }: { id: string; name: string }) => {
            names.set(id, name);
            return { author: { id, name } };
          },
          remove: (_: unknown, { id }: { id: string }) => {
            names.set(id, 'Nobody');
            return { authorId: id };
          },
        },
        Author: { __resolveReference: author },
      },
      intercept: (_request, response) => {
        if (isDown()) {
          response.writeHead(502).end('Bad gateway');
          return true;
        }
        response.setHeader('cache-control', cacheControl());
        return false;
      },
    },
  ];
  return { fakes, names };
}

function keepsEntities(settings: () => Record<string, string>) {
  let policy = 'max-age=60, public';
  let isDown = false;
  let gateway: GatewayUnderTest;
  let names: Map<string, string>;
  beforeAll(async () => {
    const shop = bookshop(
      () => policy,
      () => isDown,
    );
    names = shop.names;
    gateway = await startGateway(shop.fakes, settings());
    // A cache that is still connecting misses.
    while (((await (await fetch(`${gateway.url}/health`)).json()) as { status: string }).status !== 'ok');
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  const fetched = () =>
    gateway.subgraphs['authors']?.requests
      .splice(0)
      .map(({ variables }) =>
        ((variables['representations'] ?? []) as Array<{ id: string }>).map(({ id }) => id).join(''),
      );
  const ask = (authors: string[], options: { token?: string; alias?: string } = {}) =>
    gateway.run(`query($ids: [ID!]!) { books(authors: $ids) { author { ${options.alias ?? 'name'}: name } } }`, {
      variables: { ids: authors },
      ...(options.token !== undefined && { token: options.token }),
    });
  const namesOf = async (authors: string[], options: { token?: string; alias?: string } = {}) => {
    const { books } = expectData(await ask(authors, options));
    return (books as Array<{ author: Record<string, string> | null }>).map(
      ({ author }) => author && Object.values(author)[0],
    );
  };

  it('asks for each entity once, and for those only that are not kept', async () => {
    expect(await namesOf(['a', 'b'])).toEqual(['Jane', 'George']);
    expect(await namesOf(['b', 'c', 'a'])).toEqual(['George', 'Emily', 'Jane']);
    expect(await namesOf(['a', 'b', 'c'])).toEqual(['Jane', 'George', 'Emily']);
    expect(fetched()).toEqual(['ab', 'c']);
  });

  it('places errors right when some entities are kept, and keeps nothing of an answer with errors', async () => {
    const { body } = await ask(['a', 'x', 'c']);
    expect(body.data?.['books']).toEqual(
      [{ author: { name: 'Jane' } }, { author: null }, { author: { name: 'Emily' } }].map((book, index) =>
        index === 1 ? { author: { name: null } } : book,
      ),
    );
    expect(body.errors?.map(({ path }) => path)).toEqual([['books', 1, 'author']]);
    fetched();
    await ask(['x']);
    expect(fetched()).toEqual(['x']);
  });

  it('answers what is kept when the rest cannot be fetched', async () => {
    await namesOf(['a', 'c'], { alias: 'safe' });
    isDown = true;
    const { body, headers } = await ask(['a', 'b', 'c'], { alias: 'safe' });
    isDown = false;
    expect(body.data?.['books']).toEqual(['Jane', null, 'Emily'].map((safe) => ({ author: { safe } })));
    expect(body.errors).toMatchObject([
      { path: ['books', 1, 'author'], extensions: { code: 'UNAVAILABLE', subgraph: 'authors' } },
    ]);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(await namesOf(['b'], { alias: 'safe' })).toEqual(['George']);
    fetched();
  });

  it('tells other selections apart', async () => {
    await namesOf(['a'], { alias: 'other' });
    expect(fetched()).toEqual(['a']);
  });

  it('shows an update to the next query, of anybody, whatever the mutation selects', async () => {
    expect(await namesOf(['a', 'b'])).toEqual(['Jane', 'George']);
    await gateway.run('mutation { rename(id: "a", name: "Charlotte") { id } }', { token: signTestToken() });
    expect(await namesOf(['a', 'b'], { token: signTestToken() })).toEqual(['Charlotte', 'George']);
    await gateway.run('mutation { rename(id: "b", name: "Anne") { name } }', { token: signTestToken() });
    expect(await namesOf(['a', 'b'])).toEqual(['Charlotte', 'Anne']);
    fetched();
  });

  it('shows an update that the payload of a mutation names, or would have named', async () => {
    const token = signTestToken();
    expect(await namesOf(['a', 'b'])).toEqual(['Charlotte', 'Anne']);
    await gateway.run('mutation { renameInPayload(id: "a", name: "One") { author { id } } }', { token });
    expect(await namesOf(['a', 'b'])).toEqual(['One', 'Anne']);
    await gateway.run('mutation { renameInPayload(id: "a", name: "Two") { __typename } }', { token });
    expect(await namesOf(['a', 'b'])).toEqual(['Two', 'Anne']);
    fetched();
    await gateway.run('mutation { x: remove(id: "a") { y: authorId } }', { token });
    expect(await namesOf(['a', 'b'])).toEqual(['Nobody', 'Anne']);
    expect(fetched()).toEqual(['', 'a']);
    await gateway.run('mutation { remove(id: "b") { __typename } }', { token });
    expect(await namesOf(['a', 'b'])).toEqual(['Nobody', 'Nobody']);
    fetched();
  });

  it('shows an update of a mutation that is answered in parts', async () => {
    names.set('a', 'Before');
    await gateway.run('mutation { rename(id: "a", name: "Before") { id } }');
    expect(await namesOf(['a'])).toEqual(['Before']);
    const query = 'mutation { rename(id: "a", name: "After") { id ... @defer { name } } }';
    const parts = postIncremental(gateway.url, { query, token: signTestToken() });
    expect((await parts.next()).value).toMatchObject({ data: { rename: { id: 'a' } } });
    expect(await namesOf(['a'])).toEqual(['After']);
    for await (const _part of parts);
    fetched();
  });

  it('keeps private data for their viewer only', async () => {
    policy = 'max-age=60, private';
    names.set('a', 'Own');
    const [ada, grace] = [signTestToken({ userId: uuid7() }), signTestToken({ userId: uuid7() })];
    await gateway.run('mutation { rename(id: "a", name: "Private") { id } }', { token: ada });
    await namesOf(['a'], { token: ada, alias: 'mine' });
    fetched();
    await namesOf(['a'], { token: ada, alias: 'mine' });
    expect(fetched()).toEqual([]);
    await namesOf(['a'], { token: grace, alias: 'mine' });
    await namesOf(['a'], { alias: 'mine' });
    expect(fetched()).toEqual(['a', 'a']);
    policy = 'max-age=60, public';
  });

  it('keeps nothing that must not be kept', async () => {
    policy = 'no-store';
    await namesOf(['c'], { alias: 'never' });
    await namesOf(['c'], { alias: 'never' });
    expect(fetched()).toEqual(['c', 'c']);
    policy = 'max-age=60, public';
  });

  it('keeps lists until something of their subgraph is changed', async () => {
    const list = async () => (await gateway.run('{ authors { name } }')).body.data.authors.length as number;
    expect([await list(), await list()]).toEqual([3, 3]);
    expect(fetched()).toHaveLength(1);
    await gateway.run('mutation { rename(id: "d", name: "Virginia") { id } }');
    expect(await list()).toBe(4);
  });

  it('tells clients the least of what the subgraphs allow', async () => {
    const header = async (query: string) => (await gateway.run(query)).headers.get('cache-control');
    for (const [query, expected] of [
      ['{ books(authors: ["a"]) { author { name } } }', 'max-age=60, public'],
      ['{ books(authors: ["a"]) { __typename } }', 'max-age=300, public'],
    ] as const)
      expect(withoutAge(await header(query), expected)).toBe(expected);
    expect(await header('mutation { rename(id: "a", name: "Jane") { id } }')).toBe('no-store');
    expect(await header('{ __typename }')).toBe('no-store');
    policy = 'max-age=20, private';
    const told = await header('{ books(authors: ["b"]) { author { later: name } } }');
    expect(withoutAge(told, 'max-age=20, private')).toBe('max-age=20, private');
    policy = 'max-age=60, public';
  });

  it('counts hits and misses', async () => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/entity_cache_lookups_total\{[^}]*subgraph="authors",outcome="hit"[^}]*\} [1-9]/);
    expect(metrics).toMatch(/entity_cache_lookups_total\{[^}]*subgraph="authors",outcome="miss"[^}]*\} [1-9]/);
  });
}

describe('entities kept in this process', () => {
  keepsEntities(() => ({}));
});

(hasRedisServer() ? describe : describe.skip)('entities kept in Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });
  keepsEntities(() => ({ REDIS_URL: redis.url }));

  it('are fetched as before when Redis is gone', async () => {
    const { fakes } = bookshop(() => 'max-age=60, public');
    await using gateway = await startGateway(fakes, { REDIS_URL: 'redis://127.0.0.1:1' });
    for (let round = 0; round < 3; round += 1) {
      const { body } = await gateway.run('{ books(authors: ["a"]) { author { name } } }');
      expect(body).toEqual({ data: { books: [{ author: { name: 'Jane' } }] } });
    }
    expect(gateway.subgraphs['authors']?.requests).toHaveLength(3);
    expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({
      status: 'degraded',
      dependencies: { redis: { status: 'unavailable', critical: false } },
    });
  });
});

describe('a gateway that is told to keep nothing', () => {
  it('asks each time, and still tells clients what they may keep', async () => {
    const { fakes } = bookshop(() => 'max-age=60, public');
    await using gateway = await startGateway(fakes, { ENTITY_CACHE_MIB: '0' });
    for (let round = 0; round < 3; round += 1) {
      const { headers } = await gateway.run('{ books(authors: ["a"]) { author { name } } }');
      expect(withoutAge(headers.get('cache-control'), 'max-age=60, public')).toBe('max-age=60, public');
    }
    expect(gateway.subgraphs['authors']?.requests).toHaveLength(3);
  });
});
