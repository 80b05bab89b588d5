import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { Secret, TOTP } from 'otpauth';
import { PASSWORD, startStory, tokensOf, type Person, type Story } from '../story.js';

/** The authenticator app of somebody, which has read the address that `startTotp` gives. */
function appOf(secret: string) {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  const code = (steps = 0) => totp.generate({ timestamp: Date.now() + steps * 30_000 });
  return {
    code,
    wrongCode: () =>
      ['000000', '111111', '222222', '333333', '444444', '555555'].find(
        (text) => ![-2, -1, 0, 1, 2].some((steps) => code(steps) === text),
      ) as string,
  };
}

describe('a person protects the account with an authenticator app', () => {
  let story: Story;
  beforeAll(async () => {
    story = await startStory();
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  async function setUp(person: Person) {
    const { uri, secret } = expectData(await person.run('StartTotp')).startTotp;
    expect(uri).toMatch(/^otpauth:\/\/totp\//);
    const app = appOf(secret);
    const { confirmTotp } = expectData(await person.run('ConfirmTotp', { code: app.code() }));
    expect(confirmTotp).toMatchObject({ __typename: 'TotpEnabled', recoveryCodes: expect.any(Array) });
    // The app's first code is used up: as if some time had passed.
    await story.graph?.runSql('auth', 'UPDATE second_factors SET last_step = last_step - 10');
    return { app, recoveryCodes: confirmTotp.recoveryCodes as string[] };
  }
  const logIn = async (person: Person) =>
    expectData(await story.run('Login', { input: { email: person.email, password: PASSWORD } })).login;
  const challengeOf = async (person: Person): Promise<string> => {
    const login = await logIn(person);
    expect(login).toEqual({
      __typename: 'SecondFactorRequired',
      challenge: expect.any(String),
      expiresIn: expect.any(Number),
    });
    return login.challenge;
  };
  const complete = (challenge: string, code: string) => story.run('CompleteLogin', { input: { challenge, code } });
  const outcomeOf = async (challenge: string, code: string): Promise<string> =>
    expectData(await complete(challenge, code)).completeLogin.__typename;

  it('logs in with a code, which is good once, and with a recovery code in its place', async () => {
    const ada = await story.newPerson('Ada');
    const { app, recoveryCodes } = await setUp(ada);
    const code = app.code();
    const { accessToken } = tokensOf((await complete(await challengeOf(ada), code)).body, 'completeLogin');
    expect(accessToken).not.toBe(ada.accessToken);
    expect(await outcomeOf(await challengeOf(ada), code)).toBe('InvalidCodeProblem');

    const [recovery = ''] = recoveryCodes;
    expect(await outcomeOf(await challengeOf(ada), recovery)).toBe('AuthPayload');
    expect(await outcomeOf(await challengeOf(ada), recovery)).toBe('InvalidCodeProblem');
    expect(await outcomeOf('garbage', app.code(1))).toBe('InvalidCodeProblem');
  });

  it('is not guessed: after five wrong codes nothing is looked at for a while', async () => {
    const ada = await story.newPerson('Ada');
    const { app } = await setUp(ada);
    const challenge = await challengeOf(ada);
    for (let count = 0; count < 5; count += 1)
      expect(await outcomeOf(challenge, app.wrongCode())).toBe('InvalidCodeProblem');
    expect(expectData(await complete(challenge, app.code())).completeLogin).toEqual({
      __typename: 'AccountLockedProblem',
      message: expect.any(String),
      retryAfter: expect.any(Number),
    });
    expect((await logIn(ada)).__typename).toBe('AccountLockedProblem');
    await story.graph?.runSql('auth', 'UPDATE login_attempts SET locked_until = now()');
    expect(await outcomeOf(challenge, app.code())).toBe('AuthPayload');
  });

  it('turns it off with the password', async () => {
    const ada = await story.newPerson('Ada');
    await setUp(ada);
    expectErrorCode(await story.run('StartTotp'), 'UNAUTHENTICATED');
    expectErrorCode(await ada.run('StartTotp'), 'CONFLICT');
    const wrong = await ada.run('DisableTotp', { password: 'not the password' });
    expect(expectData(wrong).disableTotp.__typename).toBe('InvalidCredentialsProblem');
    expect(expectData(await ada.run('DisableTotp', { password: PASSWORD })).disableTotp).toEqual({
      __typename: 'TotpDisabled',
      user: { id: ada.id },
    });
    expect((await logIn(ada)).__typename).toBe('AuthPayload');
  });
});
