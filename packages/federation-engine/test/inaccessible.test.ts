import { describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { GraphQLError } from 'graphql';
import { startEngine } from './start-engine.js';

const TYPE_DEFS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible"])
  type Query { pet: Pet pets: [Pet] mood(of: Mood): Mood }
  interface Pet { name: String }
  type Cat implements Pet { name: String chip: String @inaccessible }
  type Ghost implements Pet @inaccessible { name: String }
  enum Mood { GLAD SECRET @inaccessible }
`;

describe('what is inaccessible', () => {
  const start = () =>
    startEngine([
      {
        name: 'pets',
        typeDefs: TYPE_DEFS,
        resolvers: {
          Query: {
            pet: () => ({ __typename: 'Ghost', name: 'boo' }),
            pets: () => [
              { __typename: 'Cat', name: 'Tom' },
              { __typename: 'Ghost', name: 'boo' },
            ],
            mood: () => 'SECRET',
          },
        },
      },
    ]);

  it('does not come out in data: objects of hidden types and hidden enum values are null', async () => {
    await using engine = await start();
    const { body } = await engine.run('{ pet { __typename name } pets { __typename name } mood }');
    expect(body.data).toEqual({ pet: null, pets: [{ __typename: 'Cat', name: 'Tom' }, null], mood: null });
    expect(JSON.stringify(body)).not.toMatch(/boo|SECRET/);
  });

  it.each(['{ pets { ... on Ghost { name } } }', '{ pets { ... on Cat { chip } } }', '{ mood(of: SECRET) }'])(
    'cannot be asked for: %s',
    async (query) => {
      await using engine = await start();
      expectErrorCode(await engine.run(query), 'GRAPHQL_VALIDATION_FAILED');
    },
  );

  it('is not told by introspection', async () => {
    await using engine = await start();
    const data = expectData(
      await engine.run('{ __schema { types { name fields { name } enumValues { name } possibleTypes { name } } } }'),
    );
    expect(JSON.stringify(data)).not.toMatch(/Ghost|SECRET|chip/);
  });

  it('does not come out in errors: no name of a hidden type, of a hidden value, or of a key that only the planner asks for', async () => {
    await using engine = await startEngine([
      {
        name: 'ships',
        typeDefs: `
          extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])
          type Query { crate: Boat crates: [Boat] port: Port harbour: Mood! }
          interface Boat { name: String }
          type Ferry implements Boat { name: String }
          type Stealth implements Boat @inaccessible { name: String }
          enum Mood { GLAD HUSHED @inaccessible }
          type Port @key(fields: "radarCode") { radarCode: ID @inaccessible }`,
        resolvers: {
          Query: {
            crate: () => ({ __typename: 'Stealth', name: 'x' }),
            crates: () => [{ __typename: 'Stealth', name: 'x' }],
            port: () => ({}),
            harbour: () => 'HUSHED',
          },
          Port: {
            radarCode: () => {
              throw new GraphQLError('not now', { extensions: { code: 'NOT_FOUND' } });
            },
          },
        },
      },
      {
        name: 'quays',
        typeDefs: `
          extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])
          type Query { quays: Int }
          type Port @key(fields: "radarCode") { radarCode: ID @inaccessible length: Int }`,
        resolvers: { Port: { __resolveReference: () => null } },
      },
    ]);
    const { body } = await engine.run('{ crate { name } crates { name } port { length } }');
    expect(body.data).toEqual({ crate: null, crates: [null], port: { length: null } });
    expect(body.errors?.map(({ path }) => path)).toEqual([['port'], ['crate'], ['crates', 0]]);
    const guarded = await engine.run('{ harbour }');
    expect(guarded.body).toMatchObject({ data: null, errors: [{ path: ['harbour'] }] });
    for (const told of [body, guarded.body]) expect(JSON.stringify(told)).not.toMatch(/Stealth|HUSHED|radarCode/);
    for (const query of [
      '{ crate { ... on Stealt { name } } }',
      '{ port { radarCod } }',
      '{ port { radarCode } }',
      'query($mood: Mood = HUSHED) { crate { name } }',
      'query($of: Moo) { crate { name } }',
    ]) {
      const refused = await engine.run(query, { variables: {} });
      const asked = new Set(query.match(/\w+/g));
      const told = JSON.stringify(refused.body).match(/Stealth|HUSHED|radarCode/g) ?? [];
      // A name may be said back to who has said it.
      expect(told.filter((name) => !asked.has(name))).toEqual([]);
    }
  });
});
