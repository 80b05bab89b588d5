import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import { compileContexts } from '../src/compile/plan/compile-rewrites.js';
import { groupByContext } from '../src/execute/context-arguments.js';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine, type EngineUnderTest } from './start-engine.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@context", "@fromContext"])';

const SHOPS: Readonly<Record<string, { currency: string | null; region: { code: string } | null; sold: string[] }>> = {
  a: { currency: 'EUR', region: { code: 'de' }, sold: ['1', '2'] },
  b: { currency: 'USD', region: { code: 'us' }, sold: ['2', '3'] },
  c: { currency: 'EUR', region: { code: 'fr' }, sold: ['3'] },
  d: { currency: null, region: null, sold: ['1'] },
};

const shop = (id: string) => ({ __typename: 'Shop', id, ...SHOPS[id] });
const sold = ({ sold: ids }: { sold: string[] }) => ids.map((id) => ({ id }));

/** Products whose prices depend on where they are sold, which they do not know themselves. */
const FAKES: readonly FakeSubgraph[] = [
  {
    name: 'shops',
    typeDefs: `${LINK}
      type Query { shops(ids: [ID!]!): [Shop!]! places: [Place] }
      union Place = Shop | Stall
      type Shop @key(fields: "id") @context(name: "place") {
        id: ID! currency: String region: Region products: [Product!]! shelves: [[Shelf]] branch: Shop
      }
      type Stall @key(fields: "id") @context(name: "place") { id: ID! money: String products: [Product!]! }
      type Region { code: String }
      type Shelf { product: Product }
      type Product @key(fields: "id") {
        id: ID!
        price(
          amount: Int = 1
          currency: String @fromContext(field: "$place ... on Shop { currency } ... on Stall { money }")
        ): String
        sku(region: String @fromContext(field: "$place ... on Shop { region { code } } ... on Stall { money }")): String
      }`,
    resolvers: {
      Query: {
        shops: (_: unknown, { ids }: { ids: string[] }) => ids.map(shop),
        places: () => [shop('b'), { __typename: 'Stall', id: 's', money: 'GBP', sold: ['1'] }, null],
      },
      Shop: {
        products: sold,
        shelves: (parent: { sold: string[] }) => [sold(parent).map((product) => ({ product })), [null]],
        branch: ({ id }: { id: string }) => (id === 'a' ? shop('b') : null),
      },
      Stall: { products: sold },
      Product: {
        __resolveReference: ({ id }: { id: string }) => {
          if (id === '9') throw new Error('not for sale');
          return { id };
        },
        price: ({ id }: { id: string }, { amount, currency }: { amount: number; currency: string | null }) =>
          `${Number(id) * amount} ${String(currency)}`,
        sku: ({ id }: { id: string }, { region }: { region: string | null }) => `${String(region)}-${id}`,
      },
    },
  },
  {
    name: 'names',
    typeDefs: `${LINK} type Query { x: Int } type Product @key(fields: "id") { id: ID! name: String }`,
    resolvers: {
      Product: { __resolveReference: ({ id }: { id: string }) => ({ id, name: `Product ${id}` }) },
    },
  },
];

/** What each fetch of prices was sent: the value from the context, and the products. */
function fetches(engine: EngineUnderTest): string[] {
  return (engine.subgraphs['shops']?.requests ?? [])
    .filter(({ query }) => query.includes('_entities'))
    .map(({ variables: { representations, ...others } }) => {
      const ids = (representations as Array<{ id: string }>).map(({ id }) => id);
      return `${Object.values(others).join()}: ${ids.join()}`;
    })
    .sort();
}

describe('an argument from a context', () => {
  it('is sent once for each value: entities whose contexts say the same share a fetch', async () => {
    await using engine = await startEngine(FAKES);
    const { shops } = expectData(
      await engine.run('{ shops(ids: ["a", "b", "c"]) { products { id name price(amount: 10) } } }'),
    );
    expect(shops).toEqual([
      {
        products: [
          { id: '1', name: 'Product 1', price: '10 EUR' },
          { id: '2', name: 'Product 2', price: '20 EUR' },
        ],
      },
      {
        products: [
          { id: '2', name: 'Product 2', price: '20 USD' },
          { id: '3', name: 'Product 3', price: '30 USD' },
        ],
      },
      { products: [{ id: '3', name: 'Product 3', price: '30 EUR' }] },
    ]);
    expect(fetches(engine)).toEqual(['EUR: 1,2,3', 'USD: 2,3']);
  });

  it('is null where the context says null', async () => {
    await using engine = await startEngine(FAKES);
    const { shops } = expectData(await engine.run('{ shops(ids: ["d", "b"]) { products { price sku } } }'));
    expect(shops).toEqual([
      { products: [{ price: '1 null', sku: 'null-1' }] },
      {
        products: [
          { price: '2 USD', sku: 'us-2' },
          { price: '3 USD', sku: 'us-3' },
        ],
      },
    ]);
  });

  it('comes from the nearest context around, however many levels and lists up', async () => {
    await using engine = await startEngine(FAKES);
    const { shops } = expectData(
      await engine.run(`{ shops(ids: ["a"]) {
        branch { products { price } shelves { product { sku } } }
        shelves { product { price sku } }
      } }`),
    );
    expect(shops).toEqual([
      {
        branch: {
          products: [{ price: '2 USD' }, { price: '3 USD' }],
          shelves: [[{ product: { sku: 'us-2' } }, { product: { sku: 'us-3' } }], [null]],
        },
        shelves: [[{ product: { price: '1 EUR', sku: 'de-1' } }, { product: { price: '2 EUR', sku: 'de-2' } }], [null]],
      },
    ]);
  });

  it('is read from what the type of its context has', async () => {
    await using engine = await startEngine(FAKES);
    const { places } = expectData(
      await engine.run(
        '{ places { ... on Shop { products { id price sku } } ... on Stall { products { id price sku } } } }',
      ),
    );
    expect(places).toEqual([
      {
        products: [
          { id: '2', price: '2 USD', sku: 'us-2' },
          { id: '3', price: '3 USD', sku: 'us-3' },
        ],
      },
      { products: [{ id: '1', price: '1 GBP', sku: 'GBP-1' }] },
      null,
    ]);
  });

  it('is not mistaken for what the client calls by the name of the member', async () => {
    await using engine = await startEngine(FAKES);
    expect(
      expectData(
        await engine.run('{ shops(ids: ["a"]) { currency: id region: branch { id } products { price sku } } }'),
      ),
    ).toEqual({
      shops: [
        {
          currency: 'a',
          region: { id: 'b' },
          products: [
            { price: '1 EUR', sku: 'de-1' },
            { price: '2 EUR', sku: 'de-2' },
          ],
        },
      ],
    });
  });

  it('costs a fetch that fails its own entities only', async () => {
    await using engine = await startEngine([
      {
        ...(FAKES[0] as FakeSubgraph),
        resolvers: {
          ...FAKES[0]?.resolvers,
          Product: {
            __resolveReference: ({ id }: { id: string }) => ({ id }),
            price: (_: unknown, { currency }: { currency: string }) => {
              if (currency === 'USD') throw new Error('no such currency');
              return currency;
            },
          },
        },
      },
      FAKES[1] as FakeSubgraph,
    ]);
    const { body } = await engine.run('{ shops(ids: ["b", "c"]) { products { price } } }');
    expect(body.data).toEqual({
      shops: [{ products: [{ price: null }, { price: null }] }, { products: [{ price: 'EUR' }] }],
    });
    expect(body.errors?.map(({ path }) => path)).toEqual([
      ['shops', 0, 'products', 0, 'price'],
      ['shops', 0, 'products', 1, 'price'],
    ]);
  });
});

describe('the values of contexts', () => {
  it('are never those that a client sent under the name of the variable, and lists stay lists', () => {
    const rewrite = (path: string[], renameKeyTo: string) => ({ kind: 'KeyRenamer' as const, path, renameKeyTo });
    const typesWithin = (condition: string) => new Set([condition]);
    const inner = { __typename: 'U', id: '1' };
    const root = { t: [{ __typename: 'T', tags: [{ name: 'x' }, null, { name: 'y' }], u: inner }] };
    const [group, ...others] = groupByContext(
      root,
      [
        { kind: 'field', name: 't', types: null },
        { kind: 'items', types: null },
        { kind: 'field', name: 'u', types: null },
      ],
      compileContexts(
        [
          rewrite(['..', '... on T', 'missing'], 'one'),
          rewrite(['..', '... on Other', 'tags', 'name'], 'two'),
          rewrite(['..', '... on T', 'tags', 'name'], 'two'),
          rewrite(['... on U', 'id'], 'three'),
          rewrite(['..', '..', '..', 'above'], 'four'),
          rewrite(['..', '..'], 'five'),
        ],
        typesWithin,
      ),
    );
    expect(others).toEqual([]);
    expect(group?.targets.objects).toEqual([inner]);
    expect(Object.hasOwn(group?.variables ?? {}, 'one')).toBe(true);
    expect(group?.variables).toEqual({
      one: undefined,
      two: ['x', null, 'y'],
      three: '1',
      four: undefined,
      five: undefined,
    });
  });
});
