import { describe, expect, it } from '@jest/globals';
import type { GraphQLResult } from '@taskgraph/testkit';
import type { EngineResult } from '../src/index.js';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires", "@shareable"])';

const fail = () => {
  throw new Error('fails');
};

const pathsOf = ({ body }: GraphQLResult) => (body.errors ?? []).map(({ path }) => path?.join('.')).sort();

/** Barrels of one subgraph, from which another leads back to all that can be asked. */
function cellarAndAttic({ down = false } = {}): FakeSubgraph[] {
  return [
    {
      name: 'cellar',
      typeDefs: `${LINK}
        type Query { barrel: Barrel barrels: [Barrel] hum: String drop: Drop }
        type Mutation { fill: Fill }
        type Subscription { filled: Fill }
        type Fill { ok: Boolean query: Query }
        type Drop { size: Int hum: String }
        type Barrel @key(fields: "id") { id: ID! size: Int }`,
      resolvers: {
        Query: {
          barrel: () => ({ id: '1' }),
          barrels: () => [{ id: '1' }, null, { id: '2' }],
          hum: fail,
          drop: () => ({ size: 1, hum: fail }),
        },
        Mutation: { fill: () => ({ ok: true, query: {} }) },
        Barrel: { size: fail },
      },
    },
    {
      name: 'attic',
      typeDefs: `${LINK}
        type Query { dust: String lodger: Lodger }
        type Lodger { name: String barrel: Barrel }
        type Barrel @key(fields: "id") { id: ID! back: Query backs: [[Query]] }`,
      resolvers: {
        Query: { dust: fail, lodger: () => ({ name: 'Eve', barrel: { id: '3' } }) },
        Barrel: { back: () => ({}), backs: () => [[{}, null], null, [{}]] },
      },
      intercept: (_request, response) => {
        if (!down) return false;
        response.statusCode = 500;
        response.end('no');
        return true;
      },
    },
  ];
}

describe('an error behind a way back to Query', () => {
  it('is told at the place in the answer where it cost something', async () => {
    await using engine = await startEngine(cellarAndAttic());
    const expected: ReadonlyArray<readonly [query: string, paths: readonly string[]]> = [
      ['{ barrel { back { hum } } }', ['barrel.back.hum']],
      ['{ b: barrel { back { h: hum d: dust } } }', ['b.back.d', 'b.back.h']],
      ['{ barrels { back { drop { size hum } } } }', ['barrels.0.back.drop.hum', 'barrels.2.back.drop.hum']],
      [
        '{ barrel { backs { hum lodger { name barrel { size } } } } }',
        [
          'barrel.backs.0.0.hum',
          'barrel.backs.0.0.lodger.barrel.size',
          'barrel.backs.2.0.hum',
          'barrel.backs.2.0.lodger.barrel.size',
        ],
      ],
      [
        '{ barrel { back { barrels { back { hum } } } } }',
        ['barrel.back.barrels.0.back.hum', 'barrel.back.barrels.2.back.hum'],
      ],
      [
        'mutation { fill { ok query { hum dust barrel { back { dust hum } } } } }',
        ['fill.query.barrel.back.dust', 'fill.query.barrel.back.hum', 'fill.query.dust', 'fill.query.hum'],
      ],
    ];
    for (const [query, paths] of expected) expect([query, pathsOf(await engine.run(query))]).toEqual([query, paths]);
  });

  it('is told of each field when nothing comes at all', async () => {
    await using engine = await startEngine(cellarAndAttic({ down: true }));
    const { body } = await engine.run('mutation { fill { ok query { dust lodger { name } hum } } }');
    expect(body.data).toEqual({ fill: { ok: true, query: { dust: null, lodger: null, hum: null } } });
    expect(pathsOf({ body } as GraphQLResult)).toEqual(['fill.query.dust', 'fill.query.hum', 'fill.query.lodger']);
  });

  it('is told at its place in an event', async () => {
    await using engine = await startEngine(cellarAndAttic());
    const { feed } = engine.subgraphs['cellar']!;
    const results = engine.engine.subscribe({ query: 'subscription { filled { ok query { dust hum } } }' });
    const first = results.next();
    await feed.untilActive(1);
    feed.publish({ root: { filled: { ok: true, query: {} } } });
    const { errors } = (await first).value as EngineResult;
    expect(errors.map(({ path }) => path?.join('.')).sort()).toEqual(['filled.query.dust', 'filled.query.hum']);
    await results.return?.();
  });
});

/** Posts and photos whose fields another subgraph knows under types that the planner cannot merge. */
const FEED: readonly FakeSubgraph[] = [
  {
    name: 'feed',
    typeDefs: `${LINK}
      type Query { feed: [Item] }
      union Item = Post | Photo
      type Post @key(fields: "id") { id: ID! price(currency: String!): Int code: String }
      type Photo @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        feed: () => [
          { __typename: 'Post', id: '1', price: fail, code: fail },
          { __typename: 'Photo', id: '2' },
        ],
      },
    },
  },
  {
    name: 'likes',
    typeDefs: `${LINK}
      type Query { best: Item }
      union Item = Post | Photo
      type Post @key(fields: "id") {
        id: ID! likes: Int title: String replies: [Reply]
        price(currency: String!): Int @external code: String @external
        dear: Boolean @requires(fields: "price(currency: \\"USD\\")") coded: Boolean @requires(fields: "code")
      }
      type Photo @key(fields: "id") { id: ID! stars: Int title: String! @shareable answers: [Reply] }
      type Reply { item: Item text: String mark: Int }`,
    resolvers: {
      Query: { best: () => ({ __typename: 'Photo', id: '9', title: fail, stars: fail }) },
      Post: {
        likes: fail,
        title: fail,
        dear: () => true,
        coded: () => true,
        replies: () => [{ text: fail, mark: fail, item: { __typename: 'Photo', id: '3' } }],
      },
      Photo: {
        stars: fail,
        title: fail,
        answers: () => [null, { text: fail, mark: fail, item: { __typename: 'Photo', id: '4' } }],
      },
    },
  },
  // Because of it, a title of a photo may be null for clients.
  { name: 'titles', typeDefs: `${LINK} type Photo @key(fields: "id") { id: ID! title: String @shareable }` },
];

const QUERIES: ReadonlyArray<readonly [query: string, paths: readonly string[]]> = [
  ['{ feed { ... on Post { likes } ... on Photo { likes: stars } } }', ['feed.0.likes', 'feed.1.likes']],
  ['{ feed { ... on Post { title } ... on Photo { title } } }', ['feed.0.title', 'feed.1.title']],
  ['{ best { ... on Post { title likes } ... on Photo { title } } }', ['best.title']],
  ['{ best { ... on Post { title likes } ... on Photo { likes: stars } } }', ['best.likes']],
  [
    '{ feed { ... on Post { r: replies { t: text } } ... on Photo { r: answers { t: text } } } }',
    ['feed.0.r.0.t', 'feed.1.r.1.t'],
  ],
  [
    `{ feed { ...P ... on Photo { r: answers { t: text item { ...T } } } } }
     fragment P on Post { r: replies { item { ...T } t: text } }
     fragment T on Item { ... on Post { title x: likes } ... on Photo { x: stars } }`,
    ['feed.0.r.0.item.x', 'feed.0.r.0.t', 'feed.1.r.1.item.x', 'feed.1.r.1.t'],
  ],
];

describe('the path of an error', () => {
  it('is made of the names that the client chose, whatever a fetch called them', async () => {
    await using engine = await startEngine(FEED);
    for (const [query, paths] of QUERIES) expect([query, pathsOf(await engine.run(query))]).toEqual([query, paths]);
  });

  it('is the same in parts', async () => {
    await using engine = await startEngine(FEED);
    const parts = await engine.runParts(
      '{ feed { __typename ... @defer { ... on Post { title } ... on Photo { title likes: stars } } } }',
    );
    const told = parts.slice(1).flatMap(({ incremental }) => incremental ?? []);
    expect(
      told
        .flatMap(({ errors }) => (errors ?? []) as ReadonlyArray<{ path?: readonly string[] }>)
        .map(({ path }) => path?.join('.'))
        .sort(),
    ).toEqual(['feed.0.title', 'feed.1.likes', 'feed.1.title']);
  });

  it('ends at the object where the planner asked for what the client did not', async () => {
    await using engine = await startEngine(FEED);
    expect(pathsOf(await engine.run('{ feed { ... on Post { p: price(currency: "EUR") dear coded } } }'))).toEqual([
      'feed.0',
      'feed.0',
      'feed.0.p',
    ]);
    expect(pathsOf(await engine.run('{ feed { ... on Post { code coded } } }'))).toEqual(['feed.0.code']);
  });
});
