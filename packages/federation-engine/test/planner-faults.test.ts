import { describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine, type EngineUnderTest } from './start-engine.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires", "@interfaceObject", "@shareable"])';

/** Flats with rents in any currency; what they cost with taxes is computed elsewhere, from rents in fixed ones. */
const RENTS: readonly FakeSubgraph[] = [
  {
    name: 'flats',
    typeDefs: `${LINK}
      type Query { flats: [Flat!]! homes: [Home!]! }
      interface Home { id: ID! rent(currency: String! = "EUR", per: String): Int rooms: [Room!]! }
      type Flat implements Home @key(fields: "id") { id: ID! rent(currency: String! = "EUR", per: String): Int rooms: [Room!]! area: Area }
      type House implements Home @key(fields: "id") { id: ID! rent(currency: String! = "EUR", per: String): Int rooms: [Room!]! }
      type Room { size(unit: String!): Int name: String }
      type Area { homes(first: Int): [Home!] }`,
    resolvers: {
      Query: { flats: () => [flat('1'), flat('2')], homes: () => [flat('1'), { ...flat('2'), __typename: 'House' }] },
      Flat: { __resolveReference: ({ id }: { id: string }) => flat(id) },
      House: { __resolveReference: ({ id }: { id: string }) => ({ ...flat(id), __typename: 'House' }) },
    },
  },
  {
    name: 'taxes',
    typeDefs: `${LINK}
      type Flat @key(fields: "id") {
        id: ID!
        rent(currency: String! = "EUR", per: String): Int @external
        rooms: [Room!]! @external
        area: Area @external
        dollars: String @requires(fields: "rent(currency: \\"USD\\")")
        euros(cents: Boolean): String @requires(fields: "rent(currency: \\"EUR\\", per: \\"week\\")")
        usual: String @requires(fields: "rent")
        sizes: String @requires(fields: "rooms { name size(unit: \\"m\\") }")
        feet: String @requires(fields: "rooms { size(unit: \\"ft\\") }")
        near: String @requires(fields: "area { homes(first: 2) { rent(currency: \\"GBP\\") } }")
      }
      interface Home { rent(currency: String! = "EUR", per: String): Int }
      type House implements Home @key(fields: "id") { id: ID! rent(currency: String! = "EUR", per: String): Int @external }
      type Room @external { name: String size(unit: String!): Int }
      type Area @external { homes(first: Int): [Home!] }`,
    resolvers: {
      Flat: Object.fromEntries(
        ['dollars', 'euros', 'usual', 'sizes', 'feet', 'near'].map((name) => [
          name,
          // What came with the representation, as it came.
          ({ __typename: _typename, id: _id, ...required }: Record<string, unknown>) => JSON.stringify(required),
        ]),
      ),
    },
  },
];

function flat(id: string) {
  return {
    __typename: 'Flat',
    id,
    rent: ({ currency, per }: { currency: string; per?: string }) =>
      id === '2' && currency === 'USD' ? null : Number(id) * { EUR: 100, USD: 110, GBP: 90 }[currency]! + (per ? 1 : 0),
    rooms: [{ name: 'hall', size: ({ unit }: { unit: string }) => (unit === 'm' ? 10 : 33) }],
    area: { homes: ({ first }: { first: number }) => ['1', '2', '3'].slice(0, first).map(flat) },
  };
}

function entityFetches(engine: EngineUnderTest, subgraph: string) {
  return (engine.subgraphs[subgraph]?.requests ?? []).filter(({ query }) => query.includes('_entities'));
}

describe('a field that is required with arguments', () => {
  it('is sent with its own value, whatever the client asks of the field', async () => {
    await using engine = await startEngine(RENTS);
    const { flats } = expectData(
      await engine.run('query($c: String!) { flats { rent(currency: $c) dollars rooms { size(unit: "ft") } sizes } }', {
        variables: { c: 'GBP' },
      }),
    );
    expect(flats).toEqual([
      {
        rent: 90,
        dollars: expect.stringContaining('"rent":110'),
        rooms: [{ size: 33 }],
        sizes: expect.stringContaining('"rooms":[{"name":"hall","size":10}]'),
      },
      // Null is a value too.
      { rent: 180, dollars: expect.stringContaining('"rent":null'), rooms: [{ size: 33 }], sizes: expect.any(String) },
    ]);
  });

  it('is fetched once and sent in as many fetches as there are sets of arguments', async () => {
    await using engine = await startEngine(RENTS);
    const { flats } = expectData(
      await engine.run(
        'query($on: Boolean!) { flats { dollars euros(cents: $on) usual feet sizes again: dollars @include(if: $on) } }',
        { variables: { on: true } },
      ),
    );
    const { dollars, euros, usual, feet, sizes, again } = Object.fromEntries(
      Object.entries(flats[0] as Record<string, string>).map(([name, text]) => [name, JSON.parse(text)]),
    );
    expect([dollars.rent, euros.rent, usual.rent]).toEqual([110, 101, 100]);
    expect([feet.rooms[0].size, sizes.rooms[0].size]).toEqual([33, 10]);
    expect(again).toEqual(dollars);
    expect(entityFetches(engine, 'taxes')).toHaveLength(3);
    expect(entityFetches(engine, 'flats')).toHaveLength(0);
    // Each declares and is sent the variables that it uses.
    const declared = entityFetches(engine, 'taxes').map(({ query, variables }) => [
      query.includes('$on'),
      'on' in variables,
    ]);
    expect(declared.sort()).toEqual([
      [false, false],
      [true, true],
      [true, true],
    ]);
  });

  it('may stand below other such fields, and on interfaces', async () => {
    await using engine = await startEngine(RENTS);
    const { flats } = expectData(
      await engine.run('{ flats { area { homes(first: 1) { rent(currency: "USD") } } near } }'),
    );
    expect(flats[0].area).toEqual({ homes: [{ rent: 110 }] });
    expect(JSON.parse(flats[0].near).area.homes.map(({ rent }: { rent: number }) => rent)).toEqual([90, 180]);
  });

  it('is seen under its own name only', async () => {
    await using engine = await startEngine(RENTS);
    const { flat: seen } = expectData(await engine.run('{ flat: __type(name: "Flat") { fields { name } } }'));
    const names = seen.fields.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['id', 'rent', 'rooms', 'area', 'dollars', 'euros', 'usual', 'sizes', 'feet', 'near']);
    expectErrorCode(await engine.run('{ flats { rent_required1 } }'), 'GRAPHQL_VALIDATION_FAILED');
  });

  it('is waited for by what is deferred', async () => {
    await using engine = await startEngine(RENTS);
    const parts = await engine.runParts('{ flats { id ... @defer { dollars euros rent(currency: "GBP") } } }');
    expect(parts[0]?.data).toEqual({ flats: [{ id: '1' }, { id: '2' }] });
    const [first] = parts.slice(1).flatMap(({ incremental }) => incremental ?? []);
    expect(first?.path).toEqual(['flats', 0]);
    expect(first?.data).toEqual({
      dollars: expect.stringContaining('"rent":110'),
      euros: expect.stringContaining('"rent":101'),
      rent: 90,
    });
  });
});

describe('an entity with a key that cannot be resolved', () => {
  it('is found by the one that can, when a subgraph is come back to', async () => {
    await using engine = await startEngine([
      {
        name: 'orders',
        typeDefs: `${LINK}
          type Query { order: Order }
          type Order
            @key(fields: "code", resolvable: false) @key(fields: "id part { number }") @key(fields: "id", resolvable: false) {
            id: ID! code: String part: Part total: Int @external label: String @requires(fields: "total")
          }
          type Part { number: Int }`,
        resolvers: {
          Query: { order: () => ({ id: '7', code: 'seven', part: { number: 3 } }) },
          Order: {
            __resolveReference: (reference: { id?: string }) => (reference.id === undefined ? null : reference),
            label: ({ id, total, part }: { id: string; total: number; part: { number: number } }) =>
              `${id}/${part.number}: ${total}`,
          },
        },
      },
      {
        name: 'totals',
        typeDefs: `${LINK} type Order @key(fields: "id") { id: ID! total: Int }`,
        resolvers: { Order: { __resolveReference: ({ id }: { id: string }) => ({ id, total: 42 }) } },
      },
    ]);
    expect(expectData(await engine.run('{ order { label } }'))).toEqual({ order: { label: '7/3: 42' } });
  });
});

describe('an interface that no type implements', () => {
  it('is answered where its subgraph has what is asked for, and refused where nobody can be asked', async () => {
    await using engine = await startEngine([
      {
        name: 'nodes',
        typeDefs: `${LINK}
          interface Node @key(fields: "id") { id: ID! }
          type Query { node: Node other: Int holder: Holder }
          type Holder { size: Int node: Node }`,
        resolvers: { Query: { other: () => 1, holder: () => ({ size: 2 }) }, Node: { __resolveType: () => null } },
      },
      {
        name: 'fields',
        typeDefs: `${LINK}
          type Node @key(fields: "id", resolvable: false) @interfaceObject { id: ID! field: String }
          type Query { field: Node }`,
        resolvers: { Query: { field: () => ({ id: '1', field: 'x' }) } },
      },
    ]);
    expect(expectData(await engine.run('{ field { id field } other }'))).toEqual({
      field: { id: '1', field: 'x' },
      other: 1,
    });
    expect(expectData(await engine.run('{ other node @include(if: false) { field } }'))).toEqual({ other: 1 });
    for (const query of [
      '{ node { field } }',
      '{ other node { field } }',
      '{ ...F } fragment F on Query { holder { size node { field } } }',
    ]) {
      const { message } = expectErrorCode(await engine.run(query), 'OPERATION_REJECTED');
      expect(message).toMatch(/node is of type Node, which no object type implements/);
    }
  });
});

describe('a field that a fetch renames below another', () => {
  it('is asked for under its own name, and given back the one that the client chose', async () => {
    const item = (typename: string, id: string) => ({ __typename: typename, id, name: `${typename} ${id}` });
    await using engine = await startEngine([
      {
        name: 'feed',
        typeDefs: `${LINK}
          type Query { feed: [Item] }
          union Item = Post | Photo
          type Post @key(fields: "id") { id: ID! }
          type Photo @key(fields: "id") { id: ID! }`,
        resolvers: { Query: { feed: () => [item('Post', '1'), item('Photo', '2')] } },
      },
      {
        name: 'names',
        // Clients may get null for both; here one may not be null, so the planner keeps them apart.
        typeDefs: `${LINK}
          union Item = Post | Photo
          type Post @key(fields: "id") { id: ID! next: Next name: String }
          type Photo @key(fields: "id") { id: ID! next: Next! @shareable name: String! @shareable }
          type Next @shareable { item: Item }`,
        resolvers: {
          Post: { next: () => ({ item: item('Photo', '3') }) },
          Photo: {
            __resolveReference: ({ id }: { id: string }) => item('Photo', id),
            next: () => ({ item: item('Post', '4') }),
          },
        },
      },
      {
        name: 'others',
        typeDefs: `${LINK}
          union Item = Post | Photo
          type Post @key(fields: "id", resolvable: false) { id: ID! }
          type Photo @key(fields: "id") { id: ID! next: Next @shareable name: String @shareable }
          type Next @shareable { item: Item }`,
      },
    ]);
    expect(
      expectData(
        await engine.run(`{ feed { ... on Post { next { ...N } } ... on Photo { next { ...N } } } }
          fragment N on Next { item { ... on Post { name n: name } ... on Photo { name n: name } } }`),
      ),
    ).toEqual({
      feed: [
        { next: { item: { name: 'Photo 3', n: 'Photo 3' } } },
        { next: { item: { name: 'Post 4', n: 'Post 4' } } },
      ],
    });
  });
});
