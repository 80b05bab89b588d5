import { beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, signTestToken } from '@taskgraph/testkit';
import { readGatewayConfig } from '../src/config.js';
import {
  createOperationCache,
  type OperationCache,
} from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { evaluateCosts } from '@taskgraph/federation-engine/internal/compile/cost/subgraph-costs.js';
import { buildSupergraph } from '../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl, startGateway, type FakeSubgraph } from './fake-subgraphs.js';

const IMPORTS = '"@key", "@shareable", "@external", "@requires", "@inaccessible"';
const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [${IMPORTS}, "@cost", "@listSize"])`;

/** Shelves of books in one service, what books are worth in another. */
const SHOP: readonly FakeSubgraph[] = [
  {
    name: 'books',
    typeDefs: `${LINK}
      scalar Cover @cost(weight: 3)
      enum Format @cost(weight: 2) { PAPER CLOTH }
      input Page { first: Int = 7 after: String }
      input Filter { title: String author: Name words: [String] @cost(weight: 4) page: Page }
      input Name { first: String last: String @cost(weight: 5) }
      type Query {
        all: [Book] @listSize(assumedSize: 30)
        some(first: Int, last: Int = 4): [Book] @listSize(slicingArguments: ["first", "last"], requireOneSlicingArgument: false)
        one(first: Int, last: Int): [Book] @listSize(slicingArguments: ["first", "last"], assumedSize: 9)
        find(filter: Filter @cost(weight: 0)): [Book] @listSize(assumedSize: 50)
        shelf(count: Int): Shelf @listSize(slicingArguments: ["count"], sizedFields: ["books", "signed"], assumedSize: 5, requireOneSlicingArgument: false)
        plain: [Book]
        works: [Work]
        found: [Found]
      }
      type Mutation { add(filter: Filter @cost(weight: 0), names: [Name!] @cost(weight: 1)): Book @cost(weight: 100) }
      type Shelf { books: [Book] signed(first: Int): [Book] others: [Book] }
      type Book implements Work @key(fields: "id") { id: ID! title: String cover: Cover format: Format owner: Owner }
      type Map implements Work @cost(weight: 8) { title: String owner: Owner @cost(weight: 6) }
      interface Work { title: String owner: Owner }
      union Found = Book | Map
      type Owner { name: String }`,
    resolvers: {
      Query: { all: () => [{ id: '1', title: 'Emma' }], one: () => [], some: () => [{ id: '1' }] },
      Mutation: { add: () => ({ id: '2' }) },
    },
  },
  {
    name: 'prices',
    typeDefs: `${LINK}
      type Book @key(fields: "id") { id: ID! price: Price title: String @external tax: Price @requires(fields: "title") secrets: [Price] @inaccessible }
      type Price { cents: Int near: [Book] @listSize(assumedSize: 2) }`,
    resolvers: { Book: { __resolveReference: (key: object) => key, price: () => ({ cents: 5 }) } },
  },
];

function compose(edit: (sdl: string) => string = (sdl) => sdl) {
  const sdl = composeSdl(
    SHOP.map(({ name, typeDefs }) => ({ name, url: `http://${name}.test`, typeDefs: edit(typeDefs) })),
  );
  const supergraph = buildSupergraph(sdl);
  // Ways into arguments are in the specification; this version of composition takes none yet.
  const listSizes = supergraph.costs.listSizes.map(([coordinate, listSize]) =>
    coordinate === 'Query.find'
      ? ([
          coordinate,
          { ...listSize, slicingArguments: [['filter', 'page', 'first']], requireOneSlicingArgument: false },
        ] as const)
      : ([coordinate, listSize] as const),
  );
  return { ...supergraph, costs: { ...supergraph.costs, listSizes } };
}

function cacheOf(supergraph: ReturnType<typeof compose>): OperationCache {
  const limits = readGatewayConfig({}).documentLimits;
  return createOperationCache(supergraph, { maxBytes: 1e7, limits, introspection: true, assumedListSize: 10 });
}

const CASES: ReadonlyArray<readonly [query: string, expected: number, variables?: Record<string, unknown>]> = [
  ['{ plain { title } }', 10],
  ['{ all { title } }', 30],
  ['{ all { title cover format } }', 30 * (1 + 3 + 2)],
  ['{ some { title } }', 4],
  ['{ some(first: 6) { title } }', 6],
  ['{ some(first: 2) { title } }', 4],
  ['{ some(first: 2, last: 3) { title } }', 3],
  ['query($n: Int) { some(first: $n, last: null) { title } }', 4],
  ['query($n: Int) { some(first: $n) { title } }', 40, { n: 40 }],
  ['{ one(first: 3) { title } }', 3],
  // What is an input object counts; here it is said to be free.
  ['{ find { title } }', 50],
  ['{ find(filter: { page: { first: 3 } }) { title } }', 3 + 1],
  ['{ find(filter: { page: {} }) { title } }', 7 + 1],
  ['{ find(filter: { words: ["a", "b"] }) { title } }', 50 + 4 + 2 * 4],
  [
    'query($f: Filter) { find(filter: $f) { title } }',
    2 + 1 + (1 + 5),
    { f: { page: { first: 2 }, author: { last: 'x' } } },
  ],
  ['query($p: Page) { find(filter: { page: $p }) { title } }', 7 + 1, { p: { after: 'x' } }],
  ['query($p: Page = { first: 12 }) { find(filter: { page: $p }) { title } }', 12 + 1],
  ['{ shelf(count: 3) { books { title } others { title } } }', 1 + 3 + 10],
  ['{ shelf { books { title } signed(first: 2) { title } } }', 1 + 5 + 5],
  ['{ a: all { title } b: all { title } }', 60],
  ['{ all { title } ...F ...F } fragment F on Query { all { id } }', 30],
  ['mutation { add { id } }', 10 + 100],
  [
    'mutation { add(filter: { title: "x" }, names: [{ first: "a" }, { last: "b" }]) { id } }',
    10 + 100 + 0 + (1 + 1 + (1 + 5)),
  ],
  // Of what may stand there, the dearest.
  ['{ works { title } }', 10 * 8],
  ['{ works { owner { name } } }', 10 * (8 + 6)],
  ['{ works { ... on Book { owner { name } } } }', 10 * (8 + 1)],
  ['{ found { ... on Book { title } ... on Map { owner { name } } } }', 10 * (8 + 6)],
  ['{ all { price { cents near { id } } } }', 30 * (1 + 1 + 2)],
];

describe('the cost of an operation by @cost and @listSize', () => {
  let cache: OperationCache;
  let renamed: OperationCache;
  beforeAll(() => {
    cache = cacheOf(compose());
    const rename = (sdl: string) =>
      sdl
        .replace('"@cost", "@listSize"', '{ name: "@cost", as: "@weighs" }, { name: "@listSize", as: "@holds" }')
        .replaceAll('@cost(', '@weighs(')
        .replaceAll('@listSize(', '@holds(');
    renamed = cacheOf(compose(rename));
  });

  it.each(CASES)('%s is %i', async (query, expected, variables = {}) => {
    for (const operations of [cache, renamed]) {
      const { cost } = await operations.get(query, undefined);
      expect(cost.estimate(variables)).toBe(expected);
      expect(cost.fault(variables)).toBeNull();
    }
  });

  it('is the same where the directives are spelled with their namespace', async () => {
    const spelled = (sdl: string) =>
      sdl
        .replace(', "@cost", "@listSize"', '')
        .replaceAll('@cost(', '@federation__cost(')
        .replaceAll('@listSize(', '@federation__listSize(');
    const { cost } = await cacheOf(compose(spelled)).get('{ all { cover } }', undefined);
    expect(cost.estimate({})).toBe(30 * 4);
  });

  it.each([
    ['{ one { title } }', {}],
    ['{ one(first: 1, last: 1) { title } }', {}],
    ['query($n: Int) { one(first: 1, last: $n) { title } }', { n: 2 }],
    ['query($on: Boolean = true) { one @include(if: $on) { title } }', {}],
  ])('%s has not exactly one slicing argument', async (query, variables) => {
    const { cost } = await cache.get(query, undefined);
    expect(cost.fault(variables)).toContain('Query.one takes exactly one of first, last');
    expect(cost.fault({ ...variables, on: false }) === null).toBe(query.includes('$on'));
  });

  it('is told of each subgraph, as its fetches are', async () => {
    const costs = async (query: string, variables = {}) =>
      evaluateCosts((await cache.get(query, undefined)).subgraphCosts, variables);
    expect(await costs('{ all { title } }')).toEqual({ books: 30 });
    expect(await costs('{ some(first: 8) { price { cents } } }')).toEqual({ books: 8, prices: 8 * (1 + 1) });
    expect(await costs('query($n: Int) { some(first: $n) { tax { cents } } }', { n: 20 })).toEqual({
      books: 20,
      prices: 40,
    });
    // Books, their prices, the books near each, and what those are called.
    expect(await costs('{ some(first: 5) { price { near { title } } } }')).toEqual({
      books: 5 + 5 * 2,
      prices: 5 * (1 + 1 + 2),
    });
    const conditional = 'query($on: Boolean!) { all { title price @include(if: $on) { cents } } }';
    expect(await costs(conditional, { on: true })).toEqual({ books: 30, prices: 60 });
    expect((await costs(conditional, { on: false }))['prices'] ?? 0).toBe(0);
  });
});

describe('an operation over the limit of costs', () => {
  const ALL = '{ all { title } }';

  it('is refused before it is planned, with what it may cost; another is served', async () => {
    await using gateway = await startGateway(SHOP, { MAX_OPERATION_COST: '29' });
    for (let round = 0; round < 3; round += 1) {
      const result = await gateway.run(ALL);
      expect(result.status).toBe(400);
      const { extensions } = expectErrorCode(result, 'COST_ESTIMATED_TOO_EXPENSIVE');
      expect(extensions).toMatchObject({ cost: { estimated: 30, max: 29 } });
    }
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/operations_too_expensive_total\{[^}]*\} 3/);
    expect(metrics).not.toMatch(/compile_duration_seconds_count\{[^}]*phase="plan"/);
    expect(gateway.subgraphs['books']?.requests).toHaveLength(0);
    // The variables of a request decide.
    const some = 'query($n: Int) { some(first: $n) { id } }';
    expectErrorCode(await gateway.run(some, { variables: { n: 30 } }), 'COST_ESTIMATED_TOO_EXPENSIVE');
    expect(expectData(await gateway.run(some, { variables: { n: 29 } }))).toEqual({ some: [{ id: '1' }] });
    expectErrorCode(await gateway.run(some, { variables: { n: 30 } }), 'COST_ESTIMATED_TOO_EXPENSIVE');
    const { extensions } = expectErrorCode(await gateway.run('{ one { id } }'), 'OPERATION_REJECTED');
    expect(extensions).toMatchObject({ reason: 'SLICING_ARGUMENT' });
  });

  it('is served and counted where costs are only measured, and only served where they are not', async () => {
    for (const mode of ['measure', 'off']) {
      await using gateway = await startGateway(SHOP, { MAX_OPERATION_COST: '29', DEMAND_CONTROL: mode });
      expect(expectData(await gateway.run(ALL))).toEqual({ all: [{ title: 'Emma' }] });
      expect(expectData(await gateway.run('{ one { id } }'))).toEqual({ one: [] });
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      expect(/operations_too_expensive_total\{[^}]*\} 1/.test(metrics)).toBe(mode === 'measure');
    }
  });

  it('of one subgraph is refused with its name before anything is fetched', async () => {
    await using gateway = await startGateway(SHOP, { PRICES_MAX_COST: '59', SUBGRAPH_MAX_COST: '30' });
    expect(expectData(await gateway.run(ALL))).toEqual({ all: [{ title: 'Emma' }] });
    const { extensions } = expectErrorCode(
      await gateway.run('{ all { price { cents } } }'),
      'COST_ESTIMATED_TOO_EXPENSIVE',
    );
    expect(extensions).toMatchObject({ subgraph: 'prices', cost: { estimated: 60, max: 59 } });
    expect(gateway.subgraphs['books']?.requests).toHaveLength(1);
    expectErrorCode(await gateway.run('{ a: all { title } plain { id } }'), 'COST_ESTIMATED_TOO_EXPENSIVE');
  });

  it('tells administrators who ask what it cost, and nobody else', async () => {
    await using gateway = await startGateway(SHOP);
    const ask = async (role: 'ADMIN' | 'USER', extensions: object) => {
      const token = signTestToken({ role });
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query: '{ some(first: 8) { price { cents } } }', extensions }),
      });
      return ((await response.json()) as { extensions?: unknown }).extensions;
    };
    expect(await ask('ADMIN', { cost: true })).toEqual({
      cost: { estimated: 16, actual: 2, subgraphs: { books: 8, prices: 16 } },
    });
    expect(await ask('ADMIN', {})).toBeUndefined();
    expect(await ask('USER', { cost: true })).toBeUndefined();
  });
});
