import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { LOGIN, NEVER_MS, PASSWORD, REFRESH, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

const NEXT = 'eight purple whales whistle';
const REQUEST = 'mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }';
const RESET = `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { __typename
  ... on AuthPayload { accessToken refreshToken expiresIn user { id email emailVerified } } ... on InvalidTokenProblem { message } ... on WeakPasswordProblem { score } } }`;
const VERIFY = `mutation($token: String!) { verifyEmail(token: $token) { __typename
  ... on VerifyEmailSuccess { user { id email emailVerified } } ... on InvalidTokenProblem { message } } }`;
const CHANGE_EMAIL = `mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename ... on ChangeEmailRequested { email } } }`;
const CHANGE_PASSWORD = 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';
const RESEND = 'mutation { requestEmailVerification { accepted } }';
const PROFILE = 'mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { user { id displayName } } }';
const ME = '{ me { id email emailVerified displayName } }';

describe('an account', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    // Twenty passwords at once are judged one after the other, on a busy machine too.
    graph = await startAuthGraph({ PASSWORD_CHECK_TIMEOUT_MS: NEVER_MS });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const logIn = async (email: string, password: string) =>
    expectData(await graph.run(LOGIN, { input: { email, password } })).login as Tokens & { __typename: string };
  const reset = async (token: string, newPassword = NEXT) =>
    expectData(await graph.run(RESET, { input: { token, newPassword } })).resetPassword as Tokens & {
      __typename: string;
    };
  const verify = async (token: string) => expectData(await graph.run(VERIFY, { token })).verifyEmail;
  const askForReset = async (email: string) => {
    expect(expectData(await graph.run(REQUEST, { email }))).toEqual({ requestPasswordReset: { accepted: true } });
    return (await graph.mailbox.next(email, /new password/)).token;
  };

  it('gets a new password by the link of a mail, once; all sessions end', async () => {
    const ada = await graph.register();
    const token = await askForReset(ada.email);
    expect((await reset(token, 'password12')).__typename).toBe('WeakPasswordProblem');
    expectErrorCode(await graph.run(RESET, { input: { token, newPassword: 'short' } }), 'BAD_USER_INPUT');

    const opened = await reset(token);
    expect(opened).toMatchObject({ __typename: 'AuthPayload', user: { email: ada.email, emailVerified: true } });
    expectData(await graph.run(ME, {}, opened.accessToken));
    expectErrorCode(await graph.run(ME, {}, ada.accessToken), 'UNAUTHENTICATED');
    expect(expectData(await graph.run(REFRESH, { refreshToken: ada.refreshToken })).refreshSession.__typename).toBe(
      'InvalidRefreshTokenProblem',
    );
    expect((await logIn(ada.email, PASSWORD)).__typename).toBe('InvalidCredentialsProblem');
    expect((await logIn(ada.email, NEXT)).__typename).toBe('AuthPayload');
    expect((await reset(token, 'nine yellow parrots sing')).__typename).toBe('InvalidTokenProblem');
    await graph.mailbox.next(ada.email, /was changed/);
    const { rows } = await graph.pool.query(
      `SELECT outcome::text, details FROM audit_events WHERE action::text = 'PASSWORD_CHANGE'
       AND subject = (SELECT pseudonym::text FROM audit_people WHERE user_id = $1)`,
      [ada.user.id],
    );
    expect(rows).toEqual([
      { outcome: 'SUCCESS', details: { by: 'mail', sessionsEnded: 1, sessions: [expect.any(String)] } },
    ]);
  });

  it('is opened by one of 20 who use one link at once, 10 rounds; and by none of the links before', async () => {
    for (let round = 0; round < 10; round += 1) {
      const ada = await graph.register();
      const first = await askForReset(ada.email);
      const second = await askForReset(ada.email);
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => reset(second, `${NEXT} ${index}`)));
      expect(outcomes.filter(({ __typename }) => __typename === 'AuthPayload')).toHaveLength(1);
      expect((await reset(first)).__typename).toBe('InvalidTokenProblem');
    }
  });

  it('is opened by nothing else', async () => {
    const ada = await graph.register();
    const verification = (await graph.mailbox.next(ada.email, /Confirm/)).token;
    for (const token of ['', 'garbage', 'x'.repeat(43), 'x'.repeat(10_000), verification, ada.refreshToken])
      expect((await reset(token)).__typename).toBe('InvalidTokenProblem');
    const old = await askForReset(ada.email);
    await graph.pool.query(`UPDATE account_tokens SET expires_at = now() WHERE purpose = 'password-reset'`);
    expect((await reset(old)).__typename).toBe('InvalidTokenProblem');
    const { rows } = await graph.pool.query('SELECT * FROM account_tokens');
    for (const token of [verification, old]) expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('is not found out by who asks for a new password; nor is its owner flooded with mails', async () => {
    const ada = await graph.register();
    const ask = (email: string) => graph.run(REQUEST, { email });
    const [known, unknown, garbage] = [
      await ask(ada.email),
      await ask('unknown@example.com'),
      await ask('\u0001garbage'),
    ];
    expect(known.body).toEqual(unknown.body);
    expect(known.body).toEqual(garbage.body);
    await Promise.all(Array.from({ length: 20 }, () => ask(ada.email)));
    // Whatever was asked for before is done when this comes.
    const eve = await graph.register();
    await askForReset(eve.email);
    const sent = graph.mailbox.mails.filter(({ to, subject }) => to === ada.email && /new password/.test(subject));
    expect(sent.length).toBeLessThanOrEqual(5);
    expect(graph.mailbox.mails.some(({ to }) => to === 'unknown@example.com')).toBe(false);
  });

  it('has its address confirmed by the link that is sent when it is opened, or by one that is asked for', async () => {
    const ada = await graph.register();
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.emailVerified).toBe(false);
    const { token, text } = await graph.mailbox.next(ada.email, /Confirm/);
    expect(text).toContain('http://localhost:3000/verify-email#token=');
    expectData(await graph.run(RESEND, {}, ada.accessToken));
    const { token: second } = await graph.mailbox.next(ada.email, /Confirm/);
    expect(await verify(second)).toEqual({
      __typename: 'VerifyEmailSuccess',
      user: { id: ada.user.id, email: ada.email, emailVerified: true },
    });
    expect((await verify(second)).__typename).toBe('InvalidTokenProblem');
    expect((await verify(token)).__typename).toBe('VerifyEmailSuccess');
    expectErrorCode(await graph.run(RESEND), 'UNAUTHENTICATED');
    const eve = await graph.register();
    const { user } = expectData(
      await graph.run('query($id: ID!) { user(id: $id) { emailVerified } }', { id: ada.user.id }, eve.accessToken),
    );
    expect(user).toEqual({ emailVerified: null });
  });

  it('gets another address by the link that is sent there; the old one is told, and its links open nothing', async () => {
    const [ada, eve] = [await graph.register(), await graph.register()];
    const change = (email: string, password = PASSWORD) =>
      graph.run(CHANGE_EMAIL, { input: { email, password } }, ada.accessToken);
    const before = await askForReset(ada.email);
    expectErrorCode(await change('garbage'), 'BAD_USER_INPUT');
    expect(expectData(await change('new@example.com', 'wrong')).changeEmail.__typename).toBe(
      'InvalidCredentialsProblem',
    );
    expect(expectData(await change(' New@Example.com ')).changeEmail).toEqual({
      __typename: 'ChangeEmailRequested',
      email: 'new@example.com',
    });
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.email).toBe(ada.email);
    const { token } = await graph.mailbox.next('new@example.com', /Confirm your new/);
    expect((await verify(token)).user).toEqual({ id: ada.user.id, email: 'new@example.com', emailVerified: true });
    await graph.mailbox.next(ada.email, /address of your account was changed/);
    expect((await reset(before)).__typename).toBe('InvalidTokenProblem');
    expect((await logIn('new@example.com', PASSWORD)).__typename).toBe('AuthPayload');
    expect((await logIn(ada.email, PASSWORD)).__typename).toBe('InvalidCredentialsProblem');

    // Of somebody else: the answer is the same, and a mail tells who has it.
    expect(expectData(await change(eve.email)).changeEmail.__typename).toBe('ChangeEmailRequested');
    const told = await graph.mailbox.next(eve.email, /belongs to an account already/);
    expect(told.link).toBeNull();
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.email).toBe('new@example.com');
  });

  it('whose password is changed has links of before that do nothing: they may be of whom it was changed against', async () => {
    const ada = await graph.register();
    const asked = await askForReset(ada.email);
    const thief = `thief.of.${ada.email}`;
    await graph.run(CHANGE_EMAIL, { input: { email: thief, password: PASSWORD } }, ada.accessToken);
    const { token } = await graph.mailbox.next(thief, /Confirm your new/);
    const input = { currentPassword: PASSWORD, newPassword: NEXT };
    expectData(await graph.run(CHANGE_PASSWORD, { input }, ada.accessToken));
    expect((await verify(token)).__typename).toBe('InvalidTokenProblem');
    expect((await reset(asked, 'nine yellow parrots sing')).__typename).toBe('InvalidTokenProblem');
    expect((await logIn(ada.email, NEXT)).__typename).toBe('AuthPayload');
  });

  it('that another has taken the address of meanwhile keeps its own', async () => {
    const ada = await graph.register();
    await graph.run(CHANGE_EMAIL, { input: { email: 'wanted@example.com', password: PASSWORD } }, ada.accessToken);
    const { token } = await graph.mailbox.next('wanted@example.com', /Confirm your new/);
    await graph.register('wanted@example.com');
    expect((await verify(token)).__typename).toBe('InvalidTokenProblem');
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.email).toBe(ada.email);
  });

  it('is not got hold of by guessing its password with a session that was left open', async () => {
    const ada = await graph.register();
    const guess = (password: string) =>
      graph.run(CHANGE_EMAIL, { input: { email: 'thief@example.com', password } }, ada.accessToken);
    for (let count = 0; count < 5; count += 1)
      expect(expectData(await guess('wrong')).changeEmail.__typename).toBe('InvalidCredentialsProblem');
    const { extensions } = expectErrorCode(await guess(PASSWORD), 'RATE_LIMITED');
    expect(extensions).toMatchObject({ reason: 'ACCOUNT_LOCKED', retryAfter: expect.any(Number) });
  });

  it('has a name that its owner changes', async () => {
    const ada = await graph.register();
    const change = (input: object, token?: string) => graph.run(PROFILE, { input }, token);
    expect(expectData(await change({ displayName: '  Ada Lovelace ' }, ada.accessToken)).updateProfile).toEqual({
      user: { id: ada.user.id, displayName: 'Ada Lovelace' },
    });
    expect(expectData(await change({}, ada.accessToken)).updateProfile.user.displayName).toBe('Ada Lovelace');
    expectErrorCode(await change({ displayName: '\u200b' }, ada.accessToken), 'BAD_USER_INPUT');
    expectErrorCode(await change({ displayName: 'Eve' }), 'UNAUTHENTICATED');
    await graph.run('mutation { logout { revokedSessions } }', {}, ada.accessToken);
    expectErrorCode(await change({ displayName: 'Eve' }, ada.accessToken), 'UNAUTHENTICATED');
  });
});
