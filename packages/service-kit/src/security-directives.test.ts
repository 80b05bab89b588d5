import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import { graphql, parse } from 'graphql';
import { enforceSecurityDirectives } from './security-directives.js';

const SPELLINGS: ReadonlyArray<readonly [string, string, string, string]> = [
  ['imported', ', import: ["@key", "@authenticated", "@requiresScopes"]', '@authenticated', '@requiresScopes'],
  [
    'renamed',
    ', import: ["@key", { name: "@authenticated", as: "@known" }, { name: "@requiresScopes", as: "@authenticated" }]',
    '@known',
    '@authenticated',
  ],
  ['not imported', ', import: ["@key"]', '@federation__authenticated', '@federation__requiresScopes'],
  ['of a feature that is renamed', ', as: "fed", import: ["@key"]', '@fed__authenticated', '@fed__requiresScopes'],
];
const QUERY =
  '{ open mine admin secret { value } stamp pick { ... on Secret { value } } _entities(representations: [{ __typename: "Secret", id: "1" }]) { ... on Secret { value } } }';

describe('the security directives of a subgraph', () => {
  it.each(SPELLINGS)('hold when they are %s', async (_how, link, authenticated, requiresScopes) => {
    const secret = { __typename: 'Secret', id: '1', value: 'hidden' };
    const answer = () => 'hidden';
    const schema = enforceSecurityDirectives(
      buildSubgraphSchema([
        {
          typeDefs: parse(`
            extend schema @link(url: "https://specs.apollo.dev/federation/v2.9"${link})
            scalar Stamp ${authenticated}
            union Pick = Secret
            type Secret @key(fields: "id") ${authenticated} { id: ID! value: String }
            type Query { open: String mine: String ${authenticated} admin: String ${requiresScopes}(scopes: [["admin"]])
              secret: Secret stamp: Stamp pick: Pick }`),
          resolvers: {
            Query: {
              open: () => 'open',
              mine: answer,
              admin: answer,
              secret: () => secret,
              stamp: answer,
              pick: () => secret,
            },
            Secret: { __resolveReference: () => secret },
          } as never,
        },
      ]),
    );
    const run = async (scopes: readonly string[] | null) => {
      const contextValue = { viewer: scopes && { scopes }, tokenProblem: null };
      const { data, errors } = await graphql({ schema, source: QUERY, contextValue });
      return {
        text: JSON.stringify(data),
        codes: errors?.map(({ originalError }) => (originalError as { code?: string }).code),
      };
    };
    const anonymous = await run(null);
    expect(anonymous.text).not.toContain('hidden');
    expect(anonymous.codes).toEqual(Array.from({ length: 6 }, () => 'UNAUTHENTICATED'));
    const user = await run([]);
    expect([user.text.split('hidden').length - 1, user.codes]).toEqual([5, ['FORBIDDEN']]);
    expect((await run(['admin'])).text.split('hidden').length - 1).toBe(6);
  });
});
