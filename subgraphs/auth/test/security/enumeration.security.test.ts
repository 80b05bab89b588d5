import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chanceOfSuperiority, countStatements, expectData, superiority } from '@taskgraph/testkit';
import { LOGIN, PASSWORD, startAuthGraph, type AuthGraph } from '../auth-graph.js';

const SAMPLES = 30;
/** Each sample is a password that is hashed. */
const TIMEOUT_MS = 400_000;
/** By chance once in 15,000 times, in each of the tests. */
const SIGMAS = 4;
const WRONG = 'nine purple herons waltz';
const REQUEST = 'mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }';
const CHANGE_EMAIL =
  'mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename ... on ChangeEmailRequested { email } } }';

/** Asks about both kinds by turns, so that whatever the machine does besides happens to both, and tells the times of each. */
async function compare(
  known: readonly string[],
  unknown: readonly string[],
  ask: (email: string) => Promise<unknown>,
): Promise<{ readonly superiority: number; readonly answers: readonly string[] }> {
  const times = { known: [] as number[], unknown: [] as number[] };
  const answers = new Set<string>();
  for (let index = 0; index < known.length; index += 1) {
    // Neither kind is always the first of its pair.
    const pair = (['known', 'unknown'] as const).toSorted(() => (index % 2 === 0 ? 1 : -1));
    for (const kind of pair) {
      const email = (kind === 'known' ? known : unknown)[index] ?? '';
      const startedAt = performance.now();
      const answer = await ask(email);
      times[kind].push(performance.now() - startedAt);
      answers.add(JSON.stringify(answer).replaceAll(email, ''));
    }
  }
  return { superiority: superiority(times.known, times.unknown), answers: [...answers] };
}

describe('whoever wants to know which addresses have accounts', () => {
  let graph: AuthGraph;
  let known: string[];
  const unknown = Array.from({ length: SAMPLES }, (_, index) => `nobody.${index}@example.com`);
  const bound = chanceOfSuperiority(SAMPLES, SAMPLES, SIGMAS);

  beforeAll(async () => {
    graph = await startAuthGraph({
      LOGIN_MAX_FAILURES: '1000',
      LOGIN_MAX_FAILURES_PER_ACCOUNT: '1000',
      LOGIN_MAX_FAILURES_PER_NETWORK: '1000',
    });
    known = [];
    for (let index = 0; index < SAMPLES; index += 1) known.push((await graph.register()).email);
    // Mails are made beside the answers, and ask the database as well.
    const LINKS = 'SELECT count(*)::int AS count FROM account_tokens';
    while ((await graph.pool.query<{ count: number }>(LINKS)).rows[0]?.count !== SAMPLES)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }, TIMEOUT_MS);
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('is not told by login in what the database is asked', async () => {
    const login = (email = '') => graph.run(LOGIN, { input: { email, password: WRONG } });
    const one = await countStatements(graph.pool, () => login(known[0]));
    const other = await countStatements(graph.pool, () => login(unknown[0]));
    expect(one.statements).toHaveLength(other.statements.length);
  });

  it(
    'is not told by login, nor by how long it takes',
    async () => {
      const ask = async (email: string) => (await graph.run(LOGIN, { input: { email, password: WRONG } })).body;
      await compare(known.slice(0, 3), unknown.slice(0, 3), ask);
      const outcome = await compare(known, unknown, ask);
      expect(outcome.answers).toEqual([expect.stringContaining('InvalidCredentialsProblem')]);
      expect(Math.abs(outcome.superiority - 0.5)).toBeLessThan(bound);
    },
    TIMEOUT_MS,
  );

  it(
    'is not told by requestPasswordReset, nor by how long it takes',
    async () => {
      const ask = async (email: string) => (await graph.run(REQUEST, { email })).body;
      const outcome = await compare(known, unknown, ask);
      expect(outcome.answers).toEqual(['{"data":{"requestPasswordReset":{"accepted":true}}}']);
      expect(Math.abs(outcome.superiority - 0.5)).toBeLessThan(bound);
    },
    TIMEOUT_MS,
  );

  it('is not told by changeEmail', async () => {
    const { accessToken } = await graph.register();
    const answers = await Promise.all(
      [known[0], unknown[0]].map(async (email = '') => {
        const { changeEmail } = expectData(
          await graph.run(CHANGE_EMAIL, { input: { email, password: PASSWORD } }, accessToken),
        );
        return { ...changeEmail, email: changeEmail.email === email };
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
  });

  it('is told by register that an address is taken, and nothing else of the account; not where the password is weak', async () => {
    const register = async (email: string, password: string): Promise<Record<string, unknown>> => {
      const query = `mutation($input: RegisterInput!) { register(input: $input) { __typename
        ... on AuthPayload { user { displayName } } ... on EmailTakenProblem { message } ... on WeakPasswordProblem { message } } }`;
      return expectData(await graph.run(query, { input: { email, password, displayName: 'Eve' } })).register;
    };
    const [taken = '', other = ''] = known;
    const refused = await register(taken, PASSWORD);
    expect(refused['__typename']).toBe('EmailTakenProblem');
    // The same for all accounts, in whatever case the address is typed.
    expect(await register(other.toUpperCase(), PASSWORD)).toEqual(refused);
    expect(JSON.stringify(refused)).not.toContain(taken);
    // A guess costs the asker a password that would do, and one of the registrations of his address.
    expect(await register(taken, 'password12')).toEqual(await register('new.one@example.com', 'password12'));
  });
});
