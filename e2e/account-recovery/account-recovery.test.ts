import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL } from '@taskgraph/testkit';
import { mailsOf, type Mails } from '../mails.js';
import { PASSWORD, startStory, tokensOf, type Story } from '../story.js';

const NEXT = 'eight purple whales whistle';
const CHANGE_EMAIL = `mutation($input: ChangeEmailInput!) { changeEmail(input: $input) {
  __typename ... on ChangeEmailRequested { email } } }`;

describe('a person keeps hold of the account', () => {
  let story: Story;
  let mails: Mails;
  beforeAll(async () => {
    story = await startStory();
    mails = mailsOf(story);
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const logIn = async (email: string, password = PASSWORD) =>
    expectData(await story.run('Login', { input: { email, password } })).login;

  it('is not guessed: after five wrong passwords there is a pause, and it ends', async () => {
    const ada = await story.newPerson('Ada');
    for (let count = 0; count < 5; count += 1)
      expect((await logIn(ada.email, 'not the password')).__typename).toBe('InvalidCredentialsProblem');
    expect(await logIn(ada.email)).toEqual({
      __typename: 'AccountLockedProblem',
      message: expect.any(String),
      retryAfter: expect.any(Number),
    });
    // Who is signed in already is not disturbed.
    expect(expectData(await ada.run('Me')).me.id).toBe(ada.id);
    await story.graph?.runSql('auth', 'UPDATE login_attempts SET locked_until = now()');
    expect((await logIn(ada.email)).__typename).toBe('AuthPayload');
  });

  it('gets a new password by the link of a mail, which ends all sessions', async () => {
    const ada = await story.newPerson('Ada');
    const ask = async (email: string) => expectData(await story.run('RequestPasswordReset', { email }));
    expect(await ask(`nobody.${ada.email}`)).toEqual({ requestPasswordReset: { accepted: true } });
    expect(await ask(ada.email)).toEqual({ requestPasswordReset: { accepted: true } });
    const { token, text } = await mails.next(ada.email, /new password/);
    expect(text).toContain('http://localhost:3000/reset-password#token=');
    const reset = (newPassword: string) => story.run('ResetPassword', { input: { token, newPassword } });
    expect(expectData(await reset('password12')).resetPassword.__typename).toBe('WeakPasswordProblem');
    const opened = tokensOf((await reset(NEXT)).body, 'resetPassword');
    expect(opened.user.id).toBe(ada.id);
    expect(expectData(await reset('nine yellow parrots sing')).resetPassword.__typename).toBe('InvalidTokenProblem');
    expectErrorCode(await ada.run('Me'), 'UNAUTHENTICATED');
    const old = await story.run('RefreshSession', { refreshToken: ada.refreshToken });
    expect(expectData(old).refreshSession.__typename).toBe('InvalidRefreshTokenProblem');
    expect((await logIn(ada.email)).__typename).toBe('InvalidCredentialsProblem');
    expect((await logIn(ada.email, NEXT)).__typename).toBe('AuthPayload');
    await mails.next(ada.email, /password was changed/);
    expect((await mails.all()).some(({ to }) => to === `nobody.${ada.email}`)).toBe(false);
  });

  it('confirms the address, and changes what others see', async () => {
    const ada = await story.newPerson('Ada');
    const { token } = await mails.next(ada.email, /Confirm your e-mail/);
    const verify = async () => expectData(await story.run('VerifyEmail', { token })).verifyEmail;
    expect(await verify()).toEqual({
      __typename: 'VerifyEmailSuccess',
      user: { id: ada.id, email: ada.email, emailVerified: true },
    });
    expect((await verify()).__typename).toBe('InvalidTokenProblem');
    const update = (displayName: string) => ada.run('UpdateProfile', { input: { displayName } });
    expect(expectData(await update(' Ada Lovelace '))).toEqual({
      updateProfile: { user: { id: ada.id, displayName: 'Ada Lovelace' } },
    });
    expectErrorCode(await update('\u200b'), 'BAD_USER_INPUT');
    expectErrorCode(await story.run('UpdateProfile', { input: { displayName: 'Eve' } }), 'UNAUTHENTICATED');
    expect(expectData(await ada.run('Me')).me.displayName).toBe('Ada Lovelace');
  });

  it('moves it to another address by the link that is sent there, and the old one is told', async () => {
    const [ada, eve] = [await story.newPerson('Ada'), await story.newPerson('Eve')];
    const change = async (email: string, password = PASSWORD) =>
      expectData(
        await postGraphQL(story.gatewayUrl, {
          query: CHANGE_EMAIL,
          variables: { input: { email, password } },
          token: ada.accessToken,
        }),
      ).changeEmail;
    const email = `new.${ada.email}`;
    expect((await change(email, 'not the password')).__typename).toBe('InvalidCredentialsProblem');
    expect(await change(email)).toEqual({ __typename: 'ChangeEmailRequested', email });
    expect(expectData(await ada.run('Me')).me.email).toBe(ada.email);
    const { token } = await mails.next(email, /Confirm your new/);
    expect(expectData(await story.run('VerifyEmail', { token })).verifyEmail.user).toEqual({
      id: ada.id,
      email,
      emailVerified: true,
    });
    await mails.next(ada.email, /address of your account was changed/);
    expect(expectData(await ada.run('Me')).me.email).toBe(email);
    expect((await logIn(email)).__typename).toBe('AuthPayload');
    expect((await logIn(ada.email)).__typename).toBe('InvalidCredentialsProblem');

    expect((await change(eve.email)).__typename).toBe('ChangeEmailRequested');
    await mails.next(eve.email, /belongs to an account already/);
    expect(expectData(await ada.run('Me')).me.email).toBe(email);
  });

  it('is looked after by administrators, who change the signing key and read what was done', async () => {
    const [ada, admin] = [await story.newPerson('Ada'), await story.newPerson('Admin')];
    await story.graph?.runSql('auth', `UPDATE users SET role = 'ADMIN' WHERE id = $1`, [admin.id]);
    admin.accessToken = tokensOf(
      (await story.run('Login', { input: { email: admin.email, password: PASSWORD } })).body,
      'login',
    ).accessToken;
    for (const name of ['RotateSigningKey', 'AuditEvents'])
      expectErrorCode(await ada.run(name, { filter: {} }), 'FORBIDDEN');
    expect(expectData(await admin.run('RotateSigningKey')).rotateSigningKey.keyId).toEqual(expect.any(String));
    const { auditEvents } = expectData(await admin.run('AuditEvents', { filter: { action: 'KEY_ROTATION' } }));
    expect(auditEvents.edges[0].node).toMatchObject({ outcome: 'SUCCESS', actor: { id: admin.id } });
  });
});
