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

describe('what a viewer may not see', () => {
  const guarded: FakeSubgraph[] = [
    {
      name: 'guarded',
      typeDefs: `${LINK}
        union Pick = Open | Secret
        type Open { note: String }
        type Secret @authenticated { note: String sure: String! }
        type Row { id: ID! mine: String @authenticated sure: String! @authenticated below: Row }
        type Query {
          open: String pick: Pick picks: [Pick!] rows: [Row] sureRows: [Row!]! row: Row mine: String @authenticated
          admin: String ${ADMIN} both: String @authenticated ${ADMIN} need: String! @authenticated
        }
        type Mutation { done: String undone: String @authenticated }`,
      resolvers: {
        Query: {
          open: () => 'open',
          pick: () => ({ __typename: 'Secret', note: HIDDEN, sure: HIDDEN }),
          picks: () => [
            { __typename: 'Secret', note: HIDDEN, sure: HIDDEN },
            { __typename: 'Open', note: 'seen' },
          ],
          rows: () => [{ id: '1', mine: HIDDEN, sure: HIDDEN }, null, { id: '2', mine: HIDDEN, sure: HIDDEN }],
          sureRows: () => [{ id: '1', sure: HIDDEN }],
          row: () => ({ id: '1', sure: HIDDEN, below: { id: '2', sure: HIDDEN } }),
          mine: answer,
          admin: answer,
          both: answer,
          need: answer,
        },
        Mutation: { done: () => 'done', undone: answer },
        Pick: byTypename,
      },
    },
  ];
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(guarded);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const at = (...path: ReadonlyArray<string | number>) => path;

  it.each<readonly [string, string, unknown, ReadonlyArray<ReadonlyArray<string | number>>]>([
    ['a field', '{ open mine }', { open: 'open', mine: null }, [at('mine')]],
    ['a field under another name', '{ open a: mine b: open }', { open: 'open', a: null, b: 'open' }, [at('a')]],
    [
      'a field of a type',
      '{ open pick { ... on Secret { note } } }',
      { open: 'open', pick: { note: null } },
      [at('pick', 'note')],
    ],
    [
      'at each place',
      '{ rows { id mine } }',
      { rows: [{ id: '1', mine: null }, null, { id: '2', mine: null }] },
      [at('rows', 0, 'mine'), at('rows', 2, 'mine')],
    ],
    [
      'only where it stands',
      '{ picks { __typename ... on Open { note } ... on Secret { note } } }',
      {
        picks: [
          { __typename: 'Secret', note: null },
          { __typename: 'Open', note: 'seen' },
        ],
      },
      [at('picks', 0, 'note')],
    ],
    [
      'with its parent where null may not stand',
      '{ open rows { id sure } }',
      { open: 'open', rows: [null, null, null] },
      [at('rows', 0, 'sure'), at('rows', 2, 'sure')],
    ],
    ['up to the root', '{ open sureRows { sure } }', null, [at('sureRows', 0, 'sure')]],
    ['deep down', '{ row { id below { id sure } } }', { row: { id: '1', below: null } }, [at('row', 'below', 'sure')]],
    ['with all that is selected in it', '{ open need }', null, [at('need')]],
    [
      'in a mutation, whose other fields run',
      'mutation { done undone }',
      { done: 'done', undone: null },
      [at('undone')],
    ],
    [
      'in a fragment that is spread twice',
      'query { row { ...R below { ...R } } } fragment R on Row { mine }',
      { row: { mine: null, below: { mine: null } } },
      [at('row', 'mine'), at('row', 'below', 'mine')],
    ],
  ])('is null: %s', async (_what, query, data, paths) => {
    const { body } = await gateway.run(query);
    expect(body.data ?? null).toEqual(data);
    expect(body.errors).toEqual(
      paths.map((path) => ({
        message: expect.any(String),
        path,
        extensions: { code: 'UNAUTHENTICATED', reason: 'UNAUTHORIZED_FIELD_OR_TYPE', cause: 'TOKEN_MISSING' },
      })),
    );
    expect(JSON.stringify(gateway.subgraphs['guarded']?.requests)).not.toMatch(/\b(mine|sure|need|undone)\b|on Secret/);
  });

  it('is not asked for when conditions leave it out, and no error', async () => {
    for (const variables of [{ with: false }, {}]) {
      const { body } = await gateway.run(
        'query($with: Boolean = false) { open mine @include(if: $with) rows @skip(if: true) { sure } }',
        { variables },
      );
      expect(body).toEqual({ data: { open: 'open' } });
    }
    const { body } = await gateway.run('query($with: Boolean!) { open mine @include(if: $with) }', {
      variables: { with: true },
    });
    expect(body).toMatchObject({ data: { open: 'open', mine: null }, errors: [{ path: ['mine'] }] });
  });

  it('is told by whether signing in would help', async () => {
    const codes = async (token?: string) => {
      const { body } = await gateway.run('{ open mine admin both }', token === undefined ? {} : { token });
      expect(body.data.open).toBe('open');
      return (body.errors ?? []).map(({ path, extensions }) => [path?.[0], extensions?.code, extensions?.cause]);
    };
    expect(await codes()).toEqual(['mine', 'admin', 'both'].map((name) => [name, 'UNAUTHENTICATED', 'TOKEN_MISSING']));
    expect(await codes('garbage')).toEqual(
      ['mine', 'admin', 'both'].map((name) => [name, 'UNAUTHENTICATED', 'TOKEN_INVALID']),
    );
    expect(await codes(signTestToken())).toEqual(['admin', 'both'].map((name) => [name, 'FORBIDDEN', 'SCOPE_MISSING']));
    expect(await codes(signTestToken({ role: 'ADMIN' }))).toEqual([]);
  });

  it('is told in the first part of an answer in parts', async () => {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed;deferSpec=20220824, application/json' },
      body: JSON.stringify({ query: '{ open ... @defer { row { id mine } } }' }),
    });
    const text = await response.text();
    expect(text).not.toContain(HIDDEN);
    expect(text).toContain('"mine":null');
    expect(text).toContain('UNAUTHORIZED_FIELD_OR_TYPE');
  });

  it('makes operations refused as a whole by setting', async () => {
    await using strict = await startGateway(guarded, { AUTHORIZATION_REJECT: '1' });
    const result = await strict.run('{ open rows { id mine } }');
    expect(result.status).toBe(401);
    expect(result.body).toEqual({
      errors: [
        {
          message: expect.any(String),
          path: ['rows', 'mine'],
          extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' },
        },
      ],
    });
    expect((await strict.run('{ open admin }', { token: signTestToken() })).status).toBe(403);
    expect(strict.subgraphs['guarded']?.requests).toEqual([]);
    expect((await strict.run('{ open rows @skip(if: true) { mine } }')).body).toEqual({ data: { open: 'open' } });
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
