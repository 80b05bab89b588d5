import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClientInfoSigner, createLog } from '@taskgraph/service-kit';
import {
  cloneDatabase,
  expectData,
  expectErrorCode,
  postGraphQL,
  sumOfMetric,
  TEST_CLIENT_INFO_SECRET,
} from '@taskgraph/testkit';
import { createAuthDb } from '../../src/db.js';
import { resetSecondFactor } from '../../src/modules/second-factor/reset.js';
import { originOf } from '../../src/run-command.js';
import { PASSWORD, startAuthGraph, type AuthGraph } from '../auth-graph.js';
import {
  asClient,
  codeOf,
  COMPLETE,
  CONFIRM,
  DISABLE,
  eventsOf,
  forgetSteps,
  plainPasswords,
  registerGuarded,
  START,
  wrongCodeFor,
  type Answer,
} from '../second-factor.js';

const NEXT = 'eight purple whales whistle';
const ME = '{ me { id twoFactorEnabled } }';

/** What came of many, by type. */
function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { __typename } of answers) counts[__typename] = (counts[__typename] ?? 0) + 1;
  return counts;
}

describe('a second factor', () => {
  let graph: AuthGraph;
  let client: ReturnType<typeof asClient>;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: plainPasswords });
    client = asClient(graph);
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });
  const challengeOf = async (email: string, password = PASSWORD) => {
    const answer = await client.logIn(email, password);
    expect(answer).toMatchObject({ __typename: 'SecondFactorRequired', expiresIn: 300 });
    return answer.challenge as string;
  };
  it('is asked for when it is on; each code opens one session', async () => {
    const ada = await registerGuarded(graph);
    expect(ada.recoveryCodes).toHaveLength(10);
    await graph.mailbox.next(ada.email, /asks for a second factor/);
    // The code that has turned it on is used up.
    expect(await client.complete(await challengeOf(ada.email), codeOf(ada.secret))).toMatchObject({
      __typename: 'InvalidCodeProblem',
      mayTryAgain: true,
    });
    await forgetSteps(graph);
    const challenge = await challengeOf(ada.email);
    const code = codeOf(ada.secret, 1);
    const opened = await client.complete(challenge, code);
    expect(opened).toMatchObject({ __typename: 'AuthPayload', user: { id: ada.user.id, twoFactorEnabled: true } });
    expect(expectData(await graph.run(ME, {}, opened.accessToken)).me.twoFactorEnabled).toBe(true);
    expect(await client.complete(challenge, codeOf(ada.secret, 1))).toMatchObject({ mayTryAgain: false });
    const second = await challengeOf(ada.email);
    for (const steps of [-1, 0, 1])
      expect((await client.complete(second, codeOf(ada.secret, steps))).__typename).toBe('InvalidCodeProblem');

    const [recovery = ''] = ada.recoveryCodes;
    expect((await client.complete(second, ` ${recovery.toUpperCase()} `)).__typename).toBe('AuthPayload');
    expect((await graph.mailbox.next(ada.email, /recovery code/)).text).toContain('You have 9 more');
    expect((await client.complete(await challengeOf(ada.email), recovery)).__typename).toBe('InvalidCodeProblem');
    const events = await eventsOf(graph, ada.user.id);
    expect(events.map(({ what }) => what)).toEqual([
      'REGISTER SUCCESS',
      'SECOND_FACTOR_ENABLED SUCCESS',
      'LOGIN FAILURE',
      'LOGIN SUCCESS',
      'LOGIN FAILURE',
      'LOGIN FAILURE',
      'LOGIN FAILURE',
      'RECOVERY_CODE_USED SUCCESS',
      'LOGIN SUCCESS',
      'LOGIN FAILURE',
    ]);
    expect(events.at(-1)?.details).toEqual({ secondFactor: 'refused' });
    const text = await (await fetch(`${graph.url}/metrics`)).text();
    for (const event of ['enabled', 'recovery_code'])
      expect(sumOfMetric(text, 'taskgraph_auth_second_factors_total', { event })).toBe(1);
  });

  it('is set up by who is signed in, once; what was begun and not finished asks for nothing', async () => {
    const ada = await graph.register();
    const run = async (query: string, variables: Record<string, unknown> = {}) =>
      graph.run(query, variables, ada.accessToken);
    const confirm = async (code: string) => expectData(await run(CONFIRM, { code })).confirmTotp;
    for (const query of [START, CONFIRM, DISABLE])
      expectErrorCode(await graph.run(query, { code: '123456', password: PASSWORD }), 'UNAUTHENTICATED');
    expect(await confirm('123456')).toMatchObject({ __typename: 'InvalidCodeProblem', mayTryAgain: false });

    const first = expectData(await run(START)).startTotp;
    const second = expectData(await run(START)).startTotp;
    expect(first.secret).not.toBe(second.secret);
    expect(second.uri).toContain(`secret=${second.secret}`);
    expect(await confirm(wrongCodeFor(second.secret))).toMatchObject({ mayTryAgain: true });
    expect((await confirm(codeOf(first.secret))).__typename).toBe('InvalidCodeProblem');
    expect((await client.logIn(ada.email)).__typename).toBe('AuthPayload');
    expect(expectData(await run(ME)).me.twoFactorEnabled).toBe(false);

    const code = codeOf(second.secret);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => run(CONFIRM, { code })));
    expect(outcomes.filter(({ body }) => body.data?.['confirmTotp'])).toHaveLength(1);
    for (const query of [START, CONFIRM])
      expect(expectErrorCode(await run(query, { code }), 'CONFLICT').extensions).toMatchObject({
        reason: 'SECOND_FACTOR_ON',
      });
    const eve = await graph.register();
    const seen = await graph.run(
      'query($id: ID!) { user(id: $id) { twoFactorEnabled } }',
      { id: ada.user.id },
      eve.accessToken,
    );
    expect(expectData(seen)).toEqual({ user: { twoFactorEnabled: null } });
  });

  it('opens one session by one code that many bring at once, and by one challenge', async () => {
    const ada = await registerGuarded(graph);
    for (let round = 0; round < 10; round += 1) {
      await forgetSteps(graph);
      await graph.pool.query('DELETE FROM login_attempts');
      const challenges = await Promise.all(Array.from({ length: 4 }, () => challengeOf(ada.email)));
      const code = codeOf(ada.secret);
      const answers = await Promise.all(challenges.map((challenge) => client.complete(challenge, code)));
      expect(tally(answers)).toEqual({ AuthPayload: 1, InvalidCodeProblem: 3 });
    }
    await graph.pool.query('DELETE FROM login_attempts');
    const challenge = await challengeOf(ada.email);
    const answers = await Promise.all(
      ada.recoveryCodes.slice(0, 4).map((recovery) => client.complete(challenge, recovery)),
    );
    expect(tally(answers)).toEqual({ AuthPayload: 1, InvalidCodeProblem: 3 });
    const { rows } = await graph.pool.query(
      'SELECT count(*)::int AS used FROM recovery_codes WHERE user_id = $1 AND used_at IS NOT NULL',
      [ada.user.id],
    );
    expect(rows).toEqual([{ used: 1 }]);
  });

  it('is not guessed: five wrong codes and a pause, of the right code too, however often the password is given in between', async () => {
    const ada = await registerGuarded(graph);
    for (let count = 0; count < 5; count += 1)
      expect(await client.complete(await challengeOf(ada.email), wrongCodeFor(ada.secret))).toMatchObject({
        __typename: 'InvalidCodeProblem',
      });
    expect(await client.logIn(ada.email)).toMatchObject({ __typename: 'AccountLockedProblem' });
    const { rows } = await graph.pool.query('SELECT id FROM login_challenges WHERE user_id = $1', [ada.user.id]);
    expect(rows.length).toBeGreaterThan(0);

    await graph.pool.query('DELETE FROM login_attempts');
    const challenge = await challengeOf(ada.email);
    const wrong = wrongCodeFor(ada.secret);
    const fields = Array.from(
      { length: 20 },
      (_, index) => `a${index}: completeLogin(input: { challenge: "${challenge}", code: "${wrong}" }) { __typename }`,
    );
    const { body } = await graph.run(`mutation { ${fields.join(' ')} }`);
    expect(tally(Object.values<Answer>(body.data ?? {}))).toEqual({
      InvalidCodeProblem: 5,
      AccountLockedProblem: 15,
    });
    const locked = await client.complete(challenge, ada.recoveryCodes[0] as string);
    expect(locked).toMatchObject({ __typename: 'AccountLockedProblem', retryAfter: expect.any(Number) });
  });

  it('does not lock out who types a wrong password now and then, nor keep count of the attempt that has succeeded', async () => {
    const ada = await registerGuarded(graph);
    for (let round = 0; round < 3; round += 1) {
      await forgetSteps(graph);
      for (let count = 0; count < 4; count += 1)
        expect((await client.logIn(ada.email, 'wrong')).__typename).toBe('InvalidCredentialsProblem');
      expect((await client.complete(await challengeOf(ada.email), codeOf(ada.secret))).__typename).toBe('AuthPayload');
    }
  });

  it('is asked for by a challenge that is good for a while, for one program, and not after the password has changed', async () => {
    const ada = await registerGuarded(graph);
    const [recovery = ''] = ada.recoveryCodes;
    for (const challenge of ['', 'garbage', 'x'.repeat(43), 'x'.repeat(100_000), ada.refreshToken])
      expect(await client.complete(challenge, recovery)).toMatchObject({ mayTryAgain: false });

    const sign = createClientInfoSigner(TEST_CLIENT_INFO_SECRET);
    const elsewhere = asClient(graph, (query, variables) => {
      const header = sign({ ipAddress: '192.0.2.9', userAgent: 'another program', clientName: null }, 'request-1');
      return postGraphQL(graph.url, {
        query,
        variables,
        headers: { 'x-request-id': 'request-1', 'x-taskgraph-client': header },
      });
    });
    const challenge = await challengeOf(ada.email);
    expect(await elsewhere.complete(challenge, recovery)).toMatchObject({ mayTryAgain: false });
    await graph.pool.query('UPDATE login_challenges SET expires_at = now()');
    expect(await client.complete(challenge, recovery)).toMatchObject({ mayTryAgain: false });

    const before = await challengeOf(ada.email);
    const change = 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';
    const input = { currentPassword: PASSWORD, newPassword: NEXT };
    expect(expectData(await graph.run(change, { input }, ada.accessToken)).changePassword.__typename).toBe(
      'ChangePasswordSuccess',
    );
    expect(await client.complete(before, recovery)).toMatchObject({ mayTryAgain: false });
    expect((await client.complete(await challengeOf(ada.email, NEXT), recovery)).__typename).toBe('AuthPayload');
    const { rows } = await graph.pool.query('SELECT to_jsonb(c) AS row FROM login_challenges c');
    expect(JSON.stringify(rows)).not.toContain(challenge);
  });

  it('is not gone round by the link of a mail', async () => {
    const ada = await registerGuarded(graph);
    const confirmation = await graph.mailbox.next(ada.email, /Confirm your e-mail/);
    const verified = await graph.run('mutation($token: String!) { verifyEmail(token: $token) { __typename } }', {
      token: confirmation.token,
    });
    expect(expectData(verified).verifyEmail.__typename).toBe('VerifyEmailSuccess');
    await graph.run('mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }', {
      email: ada.email,
    });
    const { token } = await graph.mailbox.next(ada.email, /new password/);
    const reset = await graph.run(
      `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { __typename
        ... on AuthPayload { accessToken } ... on SecondFactorRequired { challenge expiresIn } } }`,
      { input: { token, newPassword: NEXT } },
    );
    const { resetPassword } = expectData(reset) as { resetPassword: Answer };
    expect(resetPassword).toMatchObject({ __typename: 'SecondFactorRequired', challenge: expect.any(String) });
    expectErrorCode(await graph.run(ME, {}, ada.accessToken), 'UNAUTHENTICATED');
    const live = await graph.pool.query('SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL', [
      ada.user.id,
    ]);
    expect(live.rows).toEqual([]);
    const opened = await client.complete(resetPassword.challenge, ada.recoveryCodes[1] as string);
    expect(opened.__typename).toBe('AuthPayload');
  });

  it('is turned off by the password, which is not guessed either', async () => {
    const ada = await registerGuarded(graph);
    const disable = (password: string) => graph.run(DISABLE, { password }, ada.accessToken);
    const challenge = await challengeOf(ada.email);
    expect(expectData(await disable('wrong')).disableTotp.__typename).toBe('InvalidCredentialsProblem');
    for (let again = 0; again < 2; again += 1)
      expect(expectData(await disable(PASSWORD)).disableTotp).toEqual({
        __typename: 'TotpDisabled',
        user: { id: ada.user.id, twoFactorEnabled: false },
      });
    await graph.mailbox.next(ada.email, /second factor of your account is off/);
    expect(await client.complete(challenge, ada.recoveryCodes[0] as string)).toMatchObject({ mayTryAgain: false });
    expect((await client.logIn(ada.email)).__typename).toBe('AuthPayload');
    expect((await eventsOf(graph, ada.user.id)).map(({ what }) => what)).toEqual([
      'REGISTER SUCCESS',
      'SECOND_FACTOR_ENABLED SUCCESS',
      'SECOND_FACTOR_DISABLED FAILURE',
      'SECOND_FACTOR_DISABLED SUCCESS',
      'LOGIN SUCCESS',
    ]);
    for (let count = 0; count < 5; count += 1) await disable('wrong');
    expectErrorCode(await disable(PASSWORD), 'RATE_LIMITED');
  });

  it('is turned off by an operator for who has lost everything, which is on record', async () => {
    const ada = await registerGuarded(graph);
    const challenge = await challengeOf(ada.email);
    const origin = originOf('reset-second-factor', createLog({ service: 'test', level: 'silent' }));
    const db = createAuthDb(graph.pool);
    expect(await resetSecondFactor(db, origin, 'nobody@example.com')).toBeNull();
    expect(await Promise.all([1, 2].map(() => resetSecondFactor(db, origin, ada.email)))).toContain(true);
    expect(await resetSecondFactor(db, origin, ada.email)).toBe(false);
    expect(await client.complete(challenge, ada.recoveryCodes[0] as string)).toMatchObject({ mayTryAgain: false });
    expect((await client.logIn(ada.email)).__typename).toBe('AuthPayload');
    expect(
      (await eventsOf(graph, ada.user.id)).filter(({ what }) => what.startsWith('SECOND_FACTOR_DISABLED')),
    ).toEqual([{ what: 'SECOND_FACTOR_DISABLED SUCCESS', details: { by: 'command' } }]);
  });

  it('leaves no secret in the database', async () => {
    const ada = await registerGuarded(graph);
    const kept: string[] = [];
    for (const table of ['second_factors', 'recovery_codes', 'login_challenges', 'audit_events', 'login_attempts'])
      kept.push(JSON.stringify((await graph.pool.query(`SELECT to_jsonb(t) AS row FROM ${table} t`)).rows));
    const rows = kept.join('\n');
    const raw = Buffer.from(codeSecret(ada.secret)).toString('hex');
    for (const secret of [ada.secret, raw, ...ada.recoveryCodes, ...ada.recoveryCodes.map(bare)])
      expect(rows).not.toContain(secret);
  });
});

const bare = (recovery: string) => recovery.replaceAll('-', '');

/** The bytes of a secret in base32. */
function codeSecret(base32: string): number[] {
  let bits = '';
  for (const character of base32)
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0');
  return Array.from({ length: Math.floor(bits.length / 8) }, (_, index) =>
    Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2),
  );
}

describe('the secret that second factors are encrypted with', () => {
  it('rotates: what lies under the one before is stored under the present one', async () => {
    await using database = await cloneDatabase('auth');
    const [first, next] = ['the first secret of thirty-two characters', 'the next secret of thirty-two characters!'];
    const start = (settings: Record<string, string>) =>
      startAuthGraph(settings, database, { passwords: plainPasswords });
    const stored = async ({ pool }: AuthGraph) =>
      (await pool.query('SELECT encrypted_secret FROM second_factors')).rows[0].encrypted_secret as Buffer;
    let ada: Awaited<ReturnType<typeof registerGuarded>>;
    let before: Buffer;
    {
      await using graph = await start({ AUTH_KEY_ENCRYPTION_SECRET: first });
      ada = await registerGuarded(graph);
      await forgetSteps(graph);
      before = await stored(graph);
    }
    {
      await using graph = await start({
        AUTH_KEY_ENCRYPTION_SECRET: next,
        AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: first,
      });
      while (before.equals(await stored(graph))) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await using graph = await start({ AUTH_KEY_ENCRYPTION_SECRET: next });
    const { logIn, complete } = asClient(graph);
    const { challenge } = await logIn(ada.email);
    expect((await complete(challenge, codeOf(ada.secret))).__typename).toBe('AuthPayload');
  });
});

describe('the rate of logins', () => {
  it('counts codes with passwords', async () => {
    await using graph = await startAuthGraph({ RATE_LIMITS: '1', RATE_LIMIT_SIGN_INS: '5/600' }, undefined, {
      passwords: plainPasswords,
    });
    const input = { challenge: 'garbage', code: '123456' };
    for (let count = 0; count < 5; count += 1) expectData(await graph.run(COMPLETE, { input }));
    expect(expectErrorCode(await graph.run(COMPLETE, { input }), 'RATE_LIMITED').extensions).toMatchObject({
      reason: 'SIGN_INS_QUOTA',
    });
  });
});
