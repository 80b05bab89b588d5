import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClientInfoSigner } from '@taskgraph/service-kit';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, uuid7 } from '@taskgraph/contracts';
import { hash } from '@node-rs/argon2';
import { expectData, postGraphQL, sumOfMetric, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import type { PasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { PASSWORD, startAuthGraph, type AuthGraph } from './auth-graph.js';

const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { __typename
  ... on AuthPayload { user { id } } ... on InvalidCredentialsProblem { message } ... on AccountLockedProblem { message retryAfter } } }`;

interface Answer {
  readonly __typename: string;
  readonly message?: string;
  readonly retryAfter?: number;
}

const sign = createClientInfoSigner(TEST_CLIENT_INFO_SECRET);

/** Counts what it compares, and costs nothing. */
function countingHasher() {
  const counted = { verified: 0 };
  const passwords: PasswordHasher = {
    hash: async (password) => `plain ${password}`,
    async verify(stored, password) {
      counted.verified += 1;
      return stored === `plain ${password}`;
    },
    isOutdated: () => false,
  };
  return { counted, passwords };
}

describe('guessing passwords', () => {
  const { counted, passwords } = countingHasher();
  let graph: AuthGraph;
  let networks = 0;
  beforeAll(async () => {
    graph = await startAuthGraph(
      { LOGIN_MAX_FAILURES_PER_ACCOUNT: '20', LOGIN_MAX_FAILURES_PER_NETWORK: '30' },
      undefined,
      {
        passwords,
      },
    );
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** As the gateway tells who asks. */
  async function logIn(email: string, password: string, ipAddress = '198.51.100.1'): Promise<Answer> {
    const requestId = uuid7();
    const info = sign({ ipAddress, userAgent: 'a browser', clientName: null }, requestId);
    const headers = { [REQUEST_ID_HEADER]: requestId, [CLIENT_INFO_HEADER]: info };
    const answer = await postGraphQL(graph.url, { query: LOGIN, variables: { input: { email, password } }, headers });
    return expectData(answer).login as Answer;
  }
  /** An address in a network of its own. */
  const elsewhere = () => `2001:db8:0:${(networks += 1).toString(16)}::1`;
  const letTimePass = (interval: string) =>
    graph.pool.query(
      `UPDATE login_attempts SET locked_until = locked_until - $1::interval, last_at = last_at - $1::interval`,
      [interval],
    );
  const kinds = (answers: readonly Answer[]) => {
    const counts: Record<string, number> = {};
    for (const { __typename } of answers) counts[__typename] = (counts[__typename] ?? 0) + 1;
    return counts;
  };

  it('stops after five, says until when, and the right password is not tried either', async () => {
    const [{ email }, from] = [await graph.register(), elsewhere()];
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect((await logIn(email, 'wrong', from)).__typename).toBe('InvalidCredentialsProblem');
    const before = counted.verified;
    const locked = await logIn(email, PASSWORD, from);
    expect(locked).toEqual({
      __typename: 'AccountLockedProblem',
      message: expect.stringContaining('Try again'),
      retryAfter: expect.any(Number),
    });
    expect(locked.retryAfter).toBeGreaterThan(0);
    expect(locked.retryAfter).toBeLessThanOrEqual(30);
    expect(counted.verified).toBe(before);
    const text = await (await fetch(`${graph.url}/metrics`)).text();
    expect(sumOfMetric(text, 'taskgraph_auth_lockouts_total', { scope: 'pair' })).toBe(1);
    // The owner, anywhere else, is let in.
    expect((await logIn(email, PASSWORD, elsewhere())).__typename).toBe('AuthPayload');
    await letTimePass('31 seconds');
    expect((await logIn(email, PASSWORD, from)).__typename).toBe('AuthPayload');
    expect((await logIn(email, 'wrong', from)).__typename).toBe('InvalidCredentialsProblem');
  });

  it('is paused twice as long by each further failure, a quarter of an hour at most; waiting ends it', async () => {
    const [{ email }, from] = [await graph.register(), elsewhere()];
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      await logIn(email, 'wrong', from);
      const { retryAfter } = await logIn(email, 'wrong', from);
      if (retryAfter === undefined) continue;
      pauses.push(retryAfter);
      await letTimePass(`${retryAfter + 1} seconds`);
    }
    expect(pauses.slice(0, 5).every((pause, index) => pause <= 30 * 2 ** index && pause > 15 * 2 ** index)).toBe(true);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(900);
    expect((await logIn(email, PASSWORD, from)).__typename).toBe('AuthPayload');
  });

  it('is no faster with 200 at once', async () => {
    const [{ email }, from] = [await graph.register(), elsewhere()];
    const before = counted.verified;
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => logIn(email, `wrong ${index}`, from)));
    expect(kinds(answers)).toEqual({ InvalidCredentialsProblem: 5, AccountLockedProblem: 195 });
    expect(counted.verified - before).toBe(5);
  });

  it('is no faster from many networks; the owner gets in from where he was before', async () => {
    const [{ email }, home] = [await graph.register(), elsewhere()];
    expect((await logIn(email, PASSWORD, home)).__typename).toBe('AuthPayload');
    const answers: Answer[] = [];
    for (let index = 0; index < 25; index += 1) answers.push(await logIn(email, 'wrong', elsewhere()));
    expect(kinds(answers).InvalidCredentialsProblem).toBeLessThanOrEqual(20);
    expect((await logIn(email, PASSWORD, elsewhere())).__typename).toBe('AccountLockedProblem');
    // Who guesses from one of the owner's networks is not told that it is one.
    expect((await logIn(email, 'wrong', home)).__typename).toBe('AccountLockedProblem');
    expect((await logIn(email, PASSWORD, home.replace(/::1$/, '::abcd'))).__typename).toBe('AuthPayload');
  });

  it('of one password at many accounts is paused for the network', async () => {
    const from = elsewhere();
    const answers: Answer[] = [];
    for (let index = 0; index < 40; index += 1)
      answers.push(await logIn(`nobody.${index}@example.com`, 'summer2026', from));
    expect(kinds(answers)).toEqual({ InvalidCredentialsProblem: 30, AccountLockedProblem: 10 });
    const { email } = await graph.register();
    expect((await logIn(email, PASSWORD, from)).__typename).toBe('AccountLockedProblem');
  });

  const spray = async (from: string, times: number) => {
    for (let index = 0; index < times; index += 1) await logIn(`${uuid7()}@example.com`, 'summer2026', from);
  };

  it('is forgotten a day after the last failure of the network, whoever logs in rightly meanwhile', async () => {
    const from = elsewhere();
    const people = await Promise.all([graph.register(), graph.register(), graph.register()]);
    await spray(from, 29);
    await letTimePass('23 hours');
    const right = await Promise.all(people.map(({ email }) => logIn(email, PASSWORD, from)));
    expect(kinds(right).AuthPayload).toBeGreaterThan(0);
    await letTimePass('2 hours');
    expect((await logIn('nobody@example.com', 'a typo', from)).__typename).toBe('InvalidCredentialsProblem');
    expect((await logIn(`${uuid7()}@example.com`, 'a typo', from)).__typename).toBe('InvalidCredentialsProblem');
  });

  it('is not forgotten while failures go on, a day from the last of them', async () => {
    const from = elsewhere();
    await spray(from, 15);
    await letTimePass('23 hours');
    await spray(from, 14);
    await letTimePass('23 hours');
    await spray(from, 1);
    expect((await logIn(`${uuid7()}@example.com`, 'wrong', from)).__typename).toBe('AccountLockedProblem');
  });

  it('is forgotten a day after the last failure at the account, too', async () => {
    const { email } = await graph.register();
    for (let index = 0; index < 19; index += 1) await logIn(email, 'wrong', elsewhere());
    await letTimePass('23 hours');
    expect((await logIn(email, PASSWORD, elsewhere())).__typename).toBe('AuthPayload');
    await letTimePass('2 hours');
    expect((await logIn(email, 'wrong', elsewhere())).__typename).toBe('InvalidCredentialsProblem');
    expect((await logIn(email, 'wrong', elsewhere())).__typename).toBe('InvalidCredentialsProblem');
  });

  it('by others in the network keeps nobody out who has logged in from there before, many at once neither', async () => {
    const from = elsewhere();
    const people = await Promise.all([graph.register(), graph.register(), graph.register(), graph.register()]);
    for (const { email } of people) expect((await logIn(email, PASSWORD, from)).__typename).toBe('AuthPayload');
    await spray(from, 30);
    const during = await Promise.all(people.map(({ email }) => logIn(email, PASSWORD, from)));
    expect(kinds(during)).toEqual({ AuthPayload: 4 });
    await letTimePass('31 seconds');
    const after = await Promise.all(people.map(({ email }) => logIn(email, PASSWORD, from)));
    expect(kinds(after)).toEqual({ AuthPayload: 4 });
    const { email } = await graph.register();
    await spray(from, 1);
    expect((await logIn(email, PASSWORD, from)).__typename).toBe('AccountLockedProblem');
  });

  it('tells in a pause of the network neither who is known there nor that a guess was compared', async () => {
    const from = elsewhere();
    const { email } = await graph.register();
    expect((await logIn(email, PASSWORD, from)).__typename).toBe('AuthPayload');
    await spray(from, 30);
    const run = async (address: string) => {
      const before = counted.verified;
      const answer = await logIn(address, 'wrong', from);
      return [counted.verified - before, { ...answer, message: '', retryAfter: (answer.retryAfter ?? 0) > 20 }];
    };
    const known = await run(email);
    expect(known).toEqual([1, { __typename: 'AccountLockedProblem', message: '', retryAfter: true }]);
    expect(await run(`${uuid7()}@example.com`)).toEqual(known);
    expect(await run((await graph.register()).email)).toEqual(known);
  });

  it('of those who are known in a network that is paused is counted, at each and at all of them', async () => {
    const from = elsewhere();
    const people = await Promise.all(Array.from({ length: 9 }, () => graph.register()));
    for (const { email } of people) expect((await logIn(email, PASSWORD, from)).__typename).toBe('AuthPayload');
    const [one, ...others] = people;
    await spray(from, 30);
    for (let index = 0; index < 5; index += 1) await logIn(one?.email ?? '', 'wrong', from);
    expect((await logIn(one?.email ?? '', PASSWORD, from)).__typename).toBe('AccountLockedProblem');
    for (const { email } of others.slice(0, 7))
      for (let index = 0; index < 4; index += 1) await logIn(email, 'wrong', from);
    // 33 wrong ones of those who are known, of 30: who has not been guessed at is kept out with them.
    expect((await logIn(others[7]?.email ?? '', PASSWORD, from)).__typename).toBe('AccountLockedProblem');
    await letTimePass('31 seconds');
    expect((await logIn(others[7]?.email ?? '', PASSWORD, from)).__typename).toBe('AuthPayload');
  });

  it('tells nothing of who has an account: not even the pause does', async () => {
    const { email } = await graph.register();
    const run = async (address: string) => {
      const from = elsewhere();
      const answers: Answer[] = [];
      for (let attempt = 0; attempt < 7; attempt += 1) answers.push(await logIn(address, 'wrong', from));
      return answers.map(({ __typename, message }) => [__typename, message?.replace(/\d+/, 'n')]);
    };
    expect(await run(email)).toEqual(await run('unknown@example.com'));
    const { rows } = await graph.pool.query(`SELECT encode(key, 'escape') AS key FROM login_attempts`);
    expect(rows.some(({ key }: { key: string }) => key.includes('example'))).toBe(false);
  });
});

describe('a password that is stored by older parameters', () => {
  it('is stored by the present ones when its owner logs in, and in its one form', async () => {
    await using graph = await startAuthGraph();
    const { email, user } = await graph.register();
    const text = 'Zoe\u0308 juggles seven otters';
    const weak = await hash(text, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await graph.pool.query('UPDATE users SET password_hash = $1 WHERE id = $2', [weak, user.id]);
    const logIn = async (password: string) =>
      (expectData(await graph.run(LOGIN, { input: { email, password } })).login as Answer).__typename;
    const stored = async () =>
      (await graph.pool.query('SELECT password_hash FROM users WHERE id = $1', [user.id])).rows[0]
        .password_hash as string;

    expect(await logIn('wrong')).toBe('InvalidCredentialsProblem');
    expect(await stored()).toBe(weak);
    expect(await logIn(text)).toBe('AuthPayload');
    const renewed = await stored();
    expect(renewed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await logIn(text.normalize('NFC'))).toBe('AuthPayload');
    expect(await logIn(text)).toBe('AuthPayload');
    expect(await stored()).toBe(renewed);
  });
});
