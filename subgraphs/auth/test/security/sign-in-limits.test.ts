import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { createClientInfoSigner } from '@taskgraph/service-kit';
import {
  cloneDatabase,
  hasRedisServer,
  postGraphQL,
  startRedisServer,
  TEST_CLIENT_INFO_SECRET,
  type GraphQLResult,
} from '@taskgraph/testkit';
import { getNamedType, isInputObjectType, isRequiredInputField, type GraphQLInputType } from 'graphql';
import { typeDefs } from '../../src/schema.js';
import type { PasswordHasher } from '../../src/modules/passwords/password-hasher.js';
import { LOGIN, PASSWORD, REFRESH, REGISTER, startAuthGraph, type AuthGraph } from '../auth-graph.js';

const WRONG = 'nine purple herons waltz';
/** How long a real one takes is another test's matter. */
const passwords: PasswordHasher = {
  hash: async (password) => `plain ${password}`,
  verify: async (stored, password) => stored === `plain ${password}`,
  isOutdated: () => false,
};

const start = (settings: Record<string, string> = {}, database?: AuthGraph['database']) =>
  startAuthGraph({ RATE_LIMITS: '1', ...settings }, database, { passwords });

const sign = createClientInfoSigner(TEST_CLIENT_INFO_SECRET);
let requests = 0;

/** Asks as the gateway does for a client at this address. */
function from(graph: AuthGraph, ipAddress: string, query: string, variables: Record<string, unknown>, token?: string) {
  const requestId = `request-${(requests += 1)}`;
  const header = sign({ ipAddress, userAgent: null, clientName: null }, requestId);
  return postGraphQL(graph.url, {
    query,
    variables,
    token,
    headers: { 'x-request-id': requestId, 'x-taskgraph-client': header },
  });
}

const login = (graph: AuthGraph, address: string, email: string, password = WRONG) =>
  from(graph, address, LOGIN, { input: { email, password } });

/** What came of it: the type of the payload, or the reason of the error. */
function outcomeOf({ body }: GraphQLResult): string {
  const [payload] = Object.values<{ __typename: string } | null>(body.data ?? {});
  return payload?.__typename ?? String(body.errors?.[0]?.extensions?.['reason']);
}

function tally(outcomes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** What is done about wrong passwords is another test's matter. */
const NO_LOCKOUT = {
  LOGIN_MAX_FAILURES: '100000',
  LOGIN_MAX_FAILURES_PER_ACCOUNT: '100000',
  LOGIN_MAX_FAILURES_PER_NETWORK: '100000',
};

describe('whoever tries passwords', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await start({ ...NO_LOCKOUT, RATE_LIMIT_SIGN_INS: '20/600' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('is stopped at his quota, of right ones too, for whatever accounts, and told when to come again', async () => {
    const { email } = await graph.register();
    const outcomes: string[] = [];
    for (let round = 0; round < 22; round += 1)
      outcomes.push(
        outcomeOf(await login(graph, '192.0.2.1', round % 2 ? email : `nobody.${round}@example.com`, PASSWORD)),
      );
    expect(tally(outcomes)).toEqual({ AuthPayload: 10, InvalidCredentialsProblem: 10, SIGN_INS_QUOTA: 2 });
    const { body } = await login(graph, '192.0.2.1', email, PASSWORD);
    expect(body.data).toEqual({ login: null });
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) });
    // Others are elsewhere.
    expect(outcomeOf(await login(graph, '192.0.2.2', email, PASSWORD))).toBe('AuthPayload');
  });

  it('is counted for each call: aliases in one operation are as many tries', async () => {
    const { email } = await graph.register();
    const fields = Array.from(
      { length: 30 },
      (_, index) => `a${index}: login(input: { email: "${email}", password: "wrong ${index}" }) { __typename }`,
    );
    const { body } = await from(graph, '192.0.2.4', `mutation { ${fields.join(' ')} }`, {});
    expect(Object.values(body.data ?? {}).filter(Boolean)).toHaveLength(20);
    expect(body.errors).toHaveLength(10);
  });

  it('is counted before anything is compared, and in all of one network of IPv6: many at once are no more', async () => {
    const { email } = await graph.register();
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, round) => login(graph, `2001:db8:0:7:${round.toString(16)}::1`, email)),
    );
    expect(tally(outcomes.map(outcomeOf))).toEqual({ InvalidCredentialsProblem: 20, SIGN_INS_QUOTA: 20 });
    expect(outcomeOf(await login(graph, '2001:db8:0:8::1', email))).toBe('InvalidCredentialsProblem');
    const text = await (await fetch(`${graph.url}/metrics`)).text();
    expect(text).toMatch(/taskgraph_rate_limited_total\{limit="sign-ins",service="auth"\} \d+/);
  });
});

describe('whatever takes a password or a code, or sends a mail to who does not sign in', () => {
  const schema = buildSubgraphSchema(typeDefs);
  const SECRETS = ['password', 'currentPassword', 'newPassword', 'code'];
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
  const inputOf = (type: GraphQLInputType) => {
    const named = getNamedType(type);
    return isInputObjectType(named) ? Object.values(named.getFields()) : null;
  };
  /** What the type wants, and no more. */
  const sample = (type: GraphQLInputType): unknown => {
    const fields = inputOf(type);
    if (!fields) return 'a@b.example';
    return Object.fromEntries(
      fields.filter((field) => isRequiredInputField(field)).map(({ name, type }) => [name, sample(type)]),
    );
  };
  const guarded = mutations.filter(
    ({ name, args }) =>
      name === 'requestPasswordReset' ||
      (name !== 'register' &&
        args.some(
          ({ name, type }) => SECRETS.includes(name) || inputOf(type)?.some((each) => SECRETS.includes(each.name)),
        )),
  );

  it('is counted', async () => {
    await using graph = await start({ ...NO_LOCKOUT, RATE_LIMIT_SIGN_INS: '2/600' });
    const { accessToken } = await graph.register();
    expect(guarded.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['login', 'deleteMyAccount', 'resetPassword']),
    );
    for (const [index, { name, args }] of guarded.entries()) {
      const declared = args.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
      const given = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
      const query = `mutation(${declared}) { ${name}(${given}) { __typename } }`;
      const variables = Object.fromEntries(args.map((arg) => [arg.name, sample(arg.type)]));
      const outcomes: string[] = [];
      for (let count = 0; count < 3; count += 1)
        outcomes.push(outcomeOf(await from(graph, `192.0.2.${index}`, query, variables, accessToken)));
      expect([name, ...outcomes.map((outcome) => outcome === 'SIGN_INS_QUOTA')]).toEqual([name, false, false, true]);
    }
  });
});

describe('whoever opens accounts', () => {
  it('opens thirty in ten minutes from one address', async () => {
    await using graph = await start();
    const register = (index: number) =>
      from(graph, '192.0.2.1', REGISTER, {
        input: { email: `person.${index}@example.com`, password: PASSWORD, displayName: 'Somebody' },
      });
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, index) => register(index)));
    expect(tally(outcomes.map(outcomeOf))).toEqual({ AuthPayload: 30, REGISTRATIONS_QUOTA: 10 });
  });
});

describe('this machine', () => {
  it('is limited as any other, unless it is for development', async () => {
    await using graph = await start({ RATE_LIMIT_REGISTRATIONS: '1/600' });
    await graph.register();
    const input = { email: 'second@example.com', password: PASSWORD, displayName: 'Somebody' };
    expect(outcomeOf(await graph.run(REGISTER, { input }))).toBe('REGISTRATIONS_QUOTA');

    await using relaxed = await start({ RATE_LIMIT_REGISTRATIONS: '1/600', NODE_ENV: 'development' });
    await relaxed.register();
    await relaxed.register();
  });
});

(hasRedisServer() ? describe : describe.skip)('two processes', () => {
  it('count together what is tried at either', async () => {
    await using redis = await startRedisServer();
    await using database = await cloneDatabase('auth');
    const settings = { ...NO_LOCKOUT, REDIS_URL: redis.url, RATE_LIMIT_SIGN_INS: '10/600' };
    await using one = await start(settings, database);
    await using other = await start(settings, database);
    // A connection to Redis is not there at once.
    for (let round = 0, isTogether = false; !isTogether; round += 1) {
      for (let tries = 0; tries < 10; tries += 1) await login(one, `198.51.100.${round}`, 'warm.up@example.com');
      isTogether = outcomeOf(await login(other, `198.51.100.${round}`, 'warm.up@example.com')) === 'SIGN_INS_QUOTA';
    }
    const outcomes: string[] = [];
    for (let round = 0; round < 20; round += 1)
      outcomes.push(outcomeOf(await login(round % 2 ? one : other, '192.0.2.9', 'nobody@example.com')));
    expect(tally(outcomes)).toEqual({ InvalidCredentialsProblem: 10, SIGN_INS_QUOTA: 10 });
  });
});

describe('whoever tries tokens', () => {
  const VERIFY = 'mutation($token: String!) { verifyEmail(token: $token) { __typename } }';
  const ways = [
    [
      'refreshSession',
      REFRESH,
      'refreshToken',
      'RATE_LIMIT_REFRESHES',
      'REFRESHES_QUOTA',
      'InvalidRefreshTokenProblem',
    ],
    ['verifyEmail', VERIFY, 'token', 'RATE_LIMIT_VERIFICATIONS', 'VERIFICATIONS_QUOTA', 'InvalidTokenProblem'],
  ] as const;

  it.each(ways)('is stopped at an address: %s', async (_name, query, argument, setting, reason, problem) => {
    await using graph = await start({ [setting]: '3/600' });
    const outcomes: string[] = [];
    for (let tries = 0; tries < 5; tries += 1)
      outcomes.push(outcomeOf(await from(graph, '198.51.100.7', query, { [argument]: `garbage ${tries}` })));
    expect(tally(outcomes)).toEqual({ [problem]: 3, [reason]: 2 });
    expect(outcomeOf(await from(graph, '198.51.100.8', query, { [argument]: 'garbage' }))).toBe(problem);
  });

  it.each(ways)(
    'is stopped with one token, from many addresses: %s',
    async (_name, query, argument, _s, _r, problem) => {
      await using graph = await start({ RATE_LIMIT_TOKEN_USES: '2/600' });
      const outcomes: string[] = [];
      for (let tries = 0; tries < 4; tries += 1)
        outcomes.push(outcomeOf(await from(graph, `198.51.100.${tries}`, query, { [argument]: 'garbage' })));
      expect(outcomes).toEqual([problem, problem, 'TOKEN_USES_QUOTA', 'TOKEN_USES_QUOTA']);
      expect(outcomeOf(await from(graph, '198.51.100.1', query, { [argument]: 'other garbage' }))).toBe(problem);
    },
  );

  it('uses up no token by being stopped', async () => {
    await using graph = await start({ RATE_LIMIT_REFRESHES: '1/600' });
    const { refreshToken } = await graph.register();
    await from(graph, '198.51.100.7', REFRESH, { refreshToken: 'garbage' });
    const stopped = await from(graph, '198.51.100.7', REFRESH, { refreshToken });
    expect([outcomeOf(stopped), stopped.body.errors?.[0]?.extensions?.['retryAfter']]).toEqual([
      'REFRESHES_QUOTA',
      expect.any(Number),
    ]);
    expect(outcomeOf(await from(graph, '198.51.100.8', REFRESH, { refreshToken }))).toBe('AuthPayload');
  });
});
