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
import { expectData, expectErrorCode, postGraphQL, subscribeGraphQL } from '@taskgraph/testkit';
import { parse } from 'graphql';

const typeDefs = parse(/* GraphQL */ `
  type Query {
    thing: Thing
  }
  type Thing {
    name: String
    thing: Thing
  }
  type Subscription {
    thing: Thing
  }
`);

const many = (count: number, field: string) =>
  Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ');
const nested = (levels: number) => `${'{ thing '.repeat(levels)}{ name }${' }'.repeat(levels)}`;
const bomb = (levels: number) =>
  Array.from(
    { length: levels },
    (_, level) => `fragment f${level} on Thing { ...f${level + 1} ...f${level + 1} }`,
  ).join(' ');

/** Each of them holds up everybody else where it is parsed, validated and resolved. */
const ATTACKS: ReadonlyArray<readonly [string, string, string]> = [
  ['aliases at the root', `{ ${many(2_000, 'thing { name }')} }`, 'TOO_MANY_ALIASES'],
  ['aliases below the root', `{ thing { ${many(2_000, 'name')} } }`, 'TOO_MANY_ALIASES'],
  ['aliases in a fragment', `{ thing { ...f ...f } } fragment f on Thing { ${many(201, 'name')} }`, 'TOO_MANY_ALIASES'],
  ['root fields', `{ ${'thing { name } '.repeat(50)} ${many(101, 'thing { name }')} }`, 'TOO_MANY_ROOT_FIELDS'],
  ['one field over and over', `{ ${'thing { name } '.repeat(3_000)} }`, 'TOO_MUCH_OVERLAP'],
  ['levels', nested(5_000), 'TOO_DEEP'],
  [
    'fragments that spread each other',
    `{ thing { ...f0 } } ${bomb(30)} fragment f30 on Thing { name }`,
    'TOO_MANY_SELECTIONS',
  ],
  ['directives', `{ thing ${'@include(if: true) '.repeat(2_000)} { name } }`, 'TOO_MANY_DIRECTIVES'],
  [
    'fragments',
    `{ thing { name } } ${Array.from({ length: 2_000 }, (_, at) => `fragment f${at} on Thing { name }`).join(' ')}`,
    'TOO_MANY_DEFINITIONS',
  ],
  ['tokens', `{ thing { ${'name '.repeat(40_000)} } }`, 'TOO_MANY_TOKENS'],
];

describe('at its own port, a subgraph refuses before it parses', () => {
  let service: ServiceProcess;
  let url: string;
  beforeAll(async () => {
    service = await createSubgraph<RequestContext>({
      name: 'sample',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
      log: createLog({ service: 'sample', level: 'silent' }),
      metrics: createMetrics('sample'),
      health: createHealth(),
      verifier: createTokenVerifier({ jwks: { getKey: async () => null }, issuer: 'i', audience: 'a' }),
      context: (request) => request,
      typeDefs,
      resolvers: { Query: { thing: () => ({ name: 'a thing' }) } },
    });
    ({ url } = await service.listen());
  });
  afterAll(() => service.close());

  it.each(ATTACKS)('too many %s', async (_what, query, reason) => {
    const refused = await postGraphQL(url, { query });
    expect(refused.status).toBe(400);
    expect(expectErrorCode(refused, 'OPERATION_REJECTED').extensions).toEqual({ code: 'OPERATION_REJECTED', reason });

    const short = query.length < 8_000 ? query : '';
    const got = await fetch(`${url}/graphql?query=${encodeURIComponent(short)}`, {
      headers: { 'apollo-require-preflight': 'true' },
    });
    expect([got.status, JSON.stringify(await got.json())]).toEqual([
      400,
      short === '' ? expect.any(String) : expect.stringContaining(reason),
    ]);

    await using subscription = subscribeGraphQL(url, { query: query.replace('{', 'subscription {') });
    expect(await subscription.next()).toMatchObject({
      kind: 'failed',
      errors: [{ extensions: { code: 'OPERATION_REJECTED', reason } }],
    });
  });

  it('and lets pass what a gateway sends', async () => {
    expect(
      Object.keys(expectData(await postGraphQL(url, { query: `{ thing { ${many(200, 'name')} } }` })).thing),
    ).toHaveLength(200);
  });
});
