import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createHealth,
  createLog,
  createMetrics,
  createSubgraph,
  createTokenVerifier,
  type RequestContext,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import {
  expectData,
  expectErrorCode,
  postGraphQL,
  signTestToken,
  subscribeGraphQL,
  testJwks,
} from '@taskgraph/testkit';
import { parse } from 'graphql';

const typeDefs = parse(/* GraphQL */ `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@cost", "@listSize"])
  type Query {
    shelf: Shelf
    dear(times: Int @cost(weight: 5)): String @cost(weight: 30)
  }
  type Shelf {
    books(first: Int): Books
      @listSize(assumedSize: 4, slicingArguments: ["first"], sizedFields: ["edges"], requireOneSlicingArgument: false)
  }
  type Books {
    edges: [Edge!]!
  }
  type Edge {
    node: Book!
  }
  type Book @key(fields: "id") {
    id: ID!
    sequel: Book
    rare: Gem
  }
  type Gem @cost(weight: 7) {
    name: String
  }
  type Mutation {
    order(input: OrderInput!): Book
  }
  input OrderInput {
    title: String
    gift: Boolean @cost(weight: 40)
  }
  type Subscription {
    shelf: Shelf
  }
`);

const MAX = 50;
const books = (first: string, of = 'id') => `shelf { books${first} { edges { node { ${of} } } } }`;
const keys = (length: number) => ({ r: Array.from({ length }, (_, id) => ({ __typename: 'Book', id: String(id) })) });
const ENTITIES = 'query($r: [_Any!]!) { _entities(representations: $r) { ... on Book { sequel { id } } } }';

/** What each may cost, with what the schema says of it. */
const OPERATIONS: ReadonlyArray<readonly [query: string, variables: Record<string, unknown>, cost: number]> = [
  [`{ ${books('')} }`, {}, 2 + 4 * 2],
  [`{ ${books('(first: 24)')} }`, {}, 2 + 24 * 2],
  [`{ ${books('(first: 25)')} }`, {}, 2 + 25 * 2],
  [`query($n: Int = 100) { ${books('(first: $n)')} }`, {}, 2 + 100 * 2],
  [`query($n: Int = 100) { ${books('(first: $n)')} }`, { n: 1 }, 2 + 1 * 2],
  [`{ ${books('(first: 10)', 'rare { name }')} }`, {}, 2 + 10 * 9],
  ['{ dear(times: 2) }', {}, 35],
  ['{ dear again: dear }', {}, 60],
  ['{ dear ...F } fragment F on Query { again: dear }', {}, 60],
  ['mutation { order(input: { title: "a" }) { id } }', {}, 12],
  ['mutation($i: OrderInput!) { order(input: $i) { id } }', { i: { gift: true } }, 52],
  [ENTITIES, keys(25), 50],
  [ENTITIES, keys(26), 52],
  ['{ _entities(representations: [{ __typename: "Book", id: "1" }]) { __typename } }', {}, 1],
  ['{ __schema { types { fields { args { name } } } } }', {}, 0],
];

describe('at its own port, a subgraph refuses before it runs anything', () => {
  const start = async (maxOperationCost: number) => {
    const service = await createSubgraph<RequestContext>({
      name: 'sample',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
      introspection: true,
      maxOperationCost,
      log: createLog({ service: 'sample', level: 'silent' }),
      metrics: createMetrics('sample'),
      health: createHealth(),
      verifier: createTokenVerifier({ jwks: testJwks, issuer: 'taskgraph', audience: 'taskgraph' }),
      context: (request) => request,
      typeDefs,
      resolvers: { Query: { shelf: () => ({ books: { edges: [] } }), dear: () => 'dear' } },
    });
    const { url } = await service.listen();
    return { service, url };
  };
  const services: ServiceProcess[] = [];
  let url: string;
  let unlimited: string;
  beforeAll(async () => {
    const [one, other] = [await start(MAX), await start(Infinity)];
    services.push(one.service, other.service);
    [url, unlimited] = [one.url, other.url];
  });
  afterAll(async () => {
    for (const service of services) await service.close();
  });

  it.each(OPERATIONS)('what may cost too much: %s with %j, which may cost %i', async (query, variables, cost) => {
    // Entities are for who is signed in.
    const token = signTestToken();
    const answer = await postGraphQL(url, { query, variables, token });
    if (cost <= MAX) {
      expect(answer.status).toBe(200);
      expectData(answer);
      return;
    }
    expect(answer.status).toBe(400);
    const extensions = { code: 'COST_ESTIMATED_TOO_EXPENSIVE', cost: { estimated: cost, max: MAX } };
    expect(expectErrorCode(answer, extensions.code).extensions).toEqual(extensions);
    expectData(await postGraphQL(unlimited, { query, variables, token }));

    const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
    const got = await fetch(`${url}/graphql?${search.toString()}`, { headers: { 'apollo-require-preflight': 'true' } });
    if (!query.startsWith('mutation')) expect(await got.json()).toMatchObject({ errors: [{ extensions }] });
  });

  it('what each event of a subscription may cost', async () => {
    await using dear = subscribeGraphQL(url, { query: `subscription { ${books('(first: 25)')} }` });
    expect(await dear.next()).toMatchObject({
      kind: 'failed',
      errors: [{ extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', cost: { estimated: 52, max: MAX } } }],
    });
  });
});
