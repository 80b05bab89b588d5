import { describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { startGateway } from './fake-subgraphs.js';

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
    startGateway([
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
    await using gateway = await start();
    const { body } = await gateway.run('{ pet { __typename name } pets { __typename name } mood }');
    expect(body.data).toEqual({ pet: null, pets: [{ __typename: 'Cat', name: 'Tom' }, null], mood: null });
    expect(JSON.stringify(body)).not.toMatch(/boo|SECRET/);
  });

  it.each(['{ pets { ... on Ghost { name } } }', '{ pets { ... on Cat { chip } } }', '{ mood(of: SECRET) }'])(
    'cannot be asked for: %s',
    async (query) => {
      await using gateway = await start();
      expectErrorCode(await gateway.run(query), 'GRAPHQL_VALIDATION_FAILED');
    },
  );

  it('is not told by introspection', async () => {
    await using gateway = await start();
    const data = expectData(
      await gateway.run('{ __schema { types { name fields { name } enumValues { name } possibleTypes { name } } } }'),
    );
    expect(JSON.stringify(data)).not.toMatch(/Ghost|SECRET|chip/);
  });
});
