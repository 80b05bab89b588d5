import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectErrorCode, signTestToken, subscribeGraphQL } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from '../fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@requiresScopes", "@key", "@shareable"])';
const ADMIN = '@requiresScopes(scopes: [["admin"]])';
const byTypename = { __resolveType: ({ __typename }: { __typename: string }) => __typename };
const answer = () => 'hidden';

/** Everything that a viewer may not see in the tests' graphs is called so. */
const HIDDEN = 'hidden';

const shop: FakeSubgraph[] = [
  {
    name: 'shop',
    typeDefs: `${LINK}
      interface Node { id: ID! }
      union R = Open | Secret
      union S = A | B
      union F = P | O
      type Open { value: String }
      type Secret implements Node @authenticated { id: ID! value: String }
      type A { a: String }
      type B ${ADMIN} { b: String }
      type O { o: Int }
      type P @key(fields: "id") { id: ID! }
      scalar Money @authenticated
      enum Grade ${ADMIN} { HIGH LOW }
      type Query { open: String search: [R!]! either: S feed: [F] price: Money grade: Grade secret: Secret node: Node }`,
    resolvers: {
      Query: {
        open: () => 'open',
        search: () => [
          { __typename: 'Open', value: 'seen' },
          { __typename: 'Secret', id: HIDDEN, value: HIDDEN },
        ],
        either: () => ({ __typename: 'B', b: HIDDEN }),
        feed: () => [
          { __typename: 'O', o: 1 },
          { __typename: 'P', id: '1' },
        ],
        price: answer,
        grade: () => 'HIGH',
        secret: () => ({ id: HIDDEN, value: HIDDEN }),
        node: () => ({ __typename: 'Secret', id: HIDDEN, value: HIDDEN }),
      },
      R: byTypename,
      S: byTypename,
      F: byTypename,
      Node: byTypename,
    },
  },
  {
    name: 'pay',
    typeDefs: `${LINK} type P @key(fields: "id") @authenticated { id: ID! pay: String }`,
    resolvers: { P: { __resolveReference: ({ id }: { id: string }) => ({ id, pay: HIDDEN }) } },
  },
];

describe('types that are guarded', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(shop);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it.each([
    ['in an inline fragment', '{ search { ... on Secret { value } } }'],
    ['in a named fragment', 'query { search { ...Its } } fragment Its on Secret { value }'],
    ['in a fragment in a fragment', '{ search { ... on R { ... { ... on Secret { v: value } } } } }'],
    ['behind an interface', '{ search { ... on Node { id } } }'],
    ['as a field', '{ secret { id } }'],
    ['as an interface', '{ node { id } }'],
    ['in another subgraph than the one that brings them', '{ feed { ... on P { pay } } }'],
    ['as a scalar', '{ price }'],
    ['with what is open', '{ open search { ... on Open { value } ... on Secret { value } } }'],
  ])('hold %s', async (_where, query) => {
    for (const token of [undefined, 'garbage', signTestToken({ expiresInSeconds: -60 })]) {
      const result = await gateway.run(query, token === undefined ? {} : { token });
      expectErrorCode(result, 'UNAUTHENTICATED');
      expect(JSON.stringify(result.body)).not.toContain(HIDDEN);
    }
    const { body } = await gateway.run(query, { token: signTestToken() });
    expect(body.errors).toBeUndefined();
    expect(JSON.stringify(body)).toContain(HIDDEN);
  });

  it.each([
    ['in a union', '{ either { ... on B { b } } }', HIDDEN],
    ['as an enum', '{ grade }', 'HIGH'],
  ])('hold with scopes %s', async (_where, query, value) => {
    for (const [token, code] of [
      [undefined, 'UNAUTHENTICATED'],
      [signTestToken(), 'FORBIDDEN'],
    ] as const) {
      const result = await gateway.run(query, token === undefined ? {} : { token });
      expectErrorCode(result, code);
      expect(JSON.stringify(result.body)).not.toContain(value);
    }
    expect(JSON.stringify((await gateway.run(query, { token: signTestToken({ role: 'ADMIN' }) })).body)).toContain(
      value,
    );
  });

  it('do not hold back what is selected of others, and the names of types', async () => {
    expect((await gateway.run('{ search { __typename ... on Open { value } } }')).body).toEqual({
      data: { search: [{ __typename: 'Open', value: 'seen' }, { __typename: 'Secret' }] },
    });
  });
});

describe('root types that are guarded', () => {
  it('hold for queries and mutations', async () => {
    let runs = 0;
    await using gateway = await startGateway([
      {
        name: 'guarded',
        typeDefs: `${LINK} type Query @authenticated { x: String } type Mutation @authenticated { m: String }`,
        resolvers: { Query: { x: answer }, Mutation: { m: () => `${HIDDEN}${(runs += 1)}` } },
      },
    ]);
    for (const query of ['{ x }', 'mutation { m }', 'mutation { ...M } fragment M on Mutation { m }']) {
      const result = await gateway.run(query);
      expectErrorCode(result, 'UNAUTHENTICATED');
      expect(JSON.stringify(result.body)).not.toContain(HIDDEN);
    }
    expect(runs).toBe(0);
    expect((await gateway.run('mutation { m }', { token: signTestToken() })).body.data).toEqual({ m: 'hidden1' });
  });
});

describe('a subscription whose only root field is guarded and left out', () => {
  it('is refused, and nobody else notices', async () => {
    await using gateway = await startGateway([
      {
        name: 'feed',
        typeDefs: `${LINK} type Query { open: String } type Item { id: ID! }
          type Subscription { processed(id: ID!): Item @authenticated heard: Item }`,
        resolvers: { Query: { open: () => 'open' } },
      },
    ]);
    for (const [query, variables] of [
      ['subscription { processed(id: "x") @skip(if: true) { id } }', {}],
      ['subscription { heard @include(if: false) { id } }', {}],
      ['subscription { ... @skip(if: true) { processed(id: "x") { id } } }', {}],
      ['subscription($no: Boolean!) { processed(id: "x") @include(if: $no) { id } }', { no: false }],
      ['subscription($no: Boolean!) { heard @include(if: $no) { id } }', { no: false }],
    ] as const) {
      await using client = subscribeGraphQL(gateway.url, { query, variables });
      expect(await client.next()).toMatchObject({
        kind: 'failed',
        errors: [{ extensions: { code: expect.stringMatching(/OPERATION_REJECTED|GRAPHQL_VALIDATION_FAILED/) } }],
      });
    }
    expect((await gateway.run('{ open }')).body).toEqual({ data: { open: 'open' } });
  });
});
