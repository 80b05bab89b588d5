import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@interfaceObject", "@shareable"])';

const TYPES: Readonly<Record<string, string>> = { '1': 'Bike', '2': 'Car', '3': 'Bike' };
const vehicle = (id: string) => (id in TYPES ? { __typename: TYPES[id], id, name: `name ${id}` } : null);
const byId = { __resolveReference: ({ id }: { id: string }) => vehicle(id) };

/** Vehicles of one subgraph, of which two others know nothing but that they are vehicles, and things. */
const VEHICLES: readonly FakeSubgraph[] = [
  {
    name: 'garage',
    typeDefs: `${LINK}
      type Query { bike: Bike vehicles: [Vehicle] either: Either lists: [[Vehicle]] }
      interface Vehicle @key(fields: "id") { id: ID! name: String }
      interface Thing @key(fields: "id") { id: ID! }
      union Either = Bike | Car
      type Bike implements Vehicle & Thing @key(fields: "id") { id: ID! name: String partner: Vehicle }
      type Car implements Vehicle & Thing @key(fields: "id") { id: ID! name: String doors: Int }`,
    resolvers: {
      Query: {
        bike: () => vehicle('1'),
        vehicles: () => [vehicle('1'), null, vehicle('2')],
        either: () => vehicle('2'),
        lists: () => [[vehicle('1'), vehicle('2')], null],
      },
      Vehicle: byId,
      Thing: byId,
      Bike: { ...byId, partner: () => vehicle('2') },
      Car: { ...byId, doors: () => 4 },
    },
  },
  {
    name: 'meters',
    typeDefs: `${LINK}
      type Query { metered: [Vehicle] }
      type Vehicle @interfaceObject @key(fields: "id") { id: ID! label: String odometer: Int twin: Vehicle }`,
    resolvers: {
      Query: { metered: () => [{ id: '1' }, { id: '2' }, { id: 'gone' }] },
      Vehicle: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        label: ({ id }: { id: string }) => `label ${id}`,
        odometer: ({ id }: { id: string }) => Number(id) * 100,
        twin: () => ({ id: '3' }),
      },
    },
  },
  {
    name: 'scales',
    typeDefs: `${LINK}
      type Query { weighed: [Thing] }
      type Thing @interfaceObject @key(fields: "id") { id: ID! weight: Int peer: Thing }`,
    resolvers: {
      Query: { weighed: () => [{ id: '1' }, { id: '2' }] },
      Thing: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        weight: ({ id }: { id: string }) => Number(id) * 10,
        peer: ({ id }: { id: string }) => ({ id: id === '1' ? '2' : '1' }),
      },
    },
  },
];

describe('an entity of which a subgraph knows an interface only', () => {
  it('keeps the name of its type, whoever else brings fields of it', async () => {
    await using engine = await startEngine(VEHICLES);
    const answers: ReadonlyArray<readonly [query: string, data: unknown]> = [
      [
        '{ metered { label ... on Bike { __typename odometer } } }',
        {
          metered: [
            { label: 'label 1', __typename: 'Bike', odometer: 100 },
            { label: 'label 2' },
            { label: 'label gone' },
          ],
        },
      ],
      ['{ bike { __typename odometer } }', { bike: { __typename: 'Bike', odometer: 100 } }],
      [
        '{ bike { t: __typename odometer u: __typename __typename weight } }',
        { bike: { t: 'Bike', odometer: 100, u: 'Bike', __typename: 'Bike', weight: 10 } },
      ],
      [
        '{ vehicles { label ... on Bike { __typename odometer twin { __typename ... on Bike { __typename label weight } } } } }',
        {
          vehicles: [
            {
              label: 'label 1',
              __typename: 'Bike',
              odometer: 100,
              twin: { __typename: 'Bike', label: 'label 3', weight: 30 },
            },
            null,
            { label: 'label 2' },
          ],
        },
      ],
      [
        '{ lists { ... on Car { __typename doors weight odometer } ... on Bike { partner { label ... on Car { __typename label } } } } }',
        {
          lists: [
            [
              { partner: { label: 'label 2', __typename: 'Car' } },
              { __typename: 'Car', doors: 4, weight: 20, odometer: 200 },
            ],
            null,
          ],
        },
      ],
      [
        '{ weighed { weight ... on Bike { __typename odometer } ... on Car { __typename odometer doors peer { ... on Bike { __typename weight label } } } } }',
        {
          weighed: [
            { weight: 10, __typename: 'Bike', odometer: 100 },
            {
              weight: 20,
              __typename: 'Car',
              odometer: 200,
              doors: 4,
              peer: { __typename: 'Bike', weight: 10, label: 'label 1' },
            },
          ],
        },
      ],
      [
        '{ either { ... on Bike { __typename label } ... on Car { __typename weight odometer } } }',
        { either: { __typename: 'Car', weight: 20, odometer: 200 } },
      ],
    ];
    for (const [query, data] of answers) expect([query, expectData(await engine.run(query))]).toEqual([query, data]);
  });

  it('is found by another interface that its type implements', async () => {
    await using engine = await startEngine(VEHICLES);
    const answers: ReadonlyArray<readonly [query: string, data: unknown]> = [
      [
        '{ weighed { weight ... on Vehicle { __typename odometer } } }',
        {
          weighed: [
            { weight: 10, __typename: 'Bike', odometer: 100 },
            { weight: 20, __typename: 'Car', odometer: 200 },
          ],
        },
      ],
      [
        '{ weighed { ... on Bike { ... on Vehicle @include(if: true) { name } } ...V @skip(if: false) } } fragment V on Vehicle { label }',
        { weighed: [{ name: 'name 1', label: 'label 1' }, { label: 'label 2' }] },
      ],
      [
        `{ weighed { ...V weight } }
         fragment V on Vehicle { label ... on Thing { peer { ... on Vehicle @include(if: true) { name ... on Car { doors } } } } }`,
        {
          weighed: [
            { label: 'label 1', peer: { name: 'name 2', doors: 4 }, weight: 10 },
            { label: 'label 2', peer: { name: 'name 1' }, weight: 20 },
          ],
        },
      ],
    ];
    for (const [query, data] of answers) expect([query, expectData(await engine.run(query))]).toEqual([query, data]);
  });

  it('is null where the name of its type is asked for and nobody knows it', async () => {
    await using engine = await startEngine(VEHICLES);
    expect(expectData(await engine.run('{ metered { __typename label } }'))).toEqual({
      metered: [{ __typename: 'Bike', label: 'label 1' }, { __typename: 'Car', label: 'label 2' }, null],
    });
  });
});
