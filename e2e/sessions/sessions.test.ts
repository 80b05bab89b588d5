import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL } from '@taskgraph/testkit';
import { PASSWORD, startStory, tokensOf, type Story } from '../story.js';

describe('a person manages sessions', () => {
  let story: Story;
  beforeAll(async () => {
    story = await startStory();
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('is told what is wrong when registering or logging in fails', async () => {
    const ada = await story.newPerson('Ada');
    const again = await story.run('Register', {
      input: { email: ada.email.toUpperCase(), password: PASSWORD, displayName: 'Eve' },
    });
    expect(expectData(again).register).toEqual({ __typename: 'EmailTakenProblem', message: expect.any(String) });

    // As a client is told that knows none of the problems by name.
    const byKind = await postGraphQL(story.gatewayUrl, {
      query: `mutation ($input: LoginInput!) { login(input: $input) { ... on Problem { __typename message } } }`,
      variables: { input: { email: ada.email, password: `not ${PASSWORD}` } },
    });
    expect(byKind.body.data).toEqual({
      login: { __typename: 'InvalidCredentialsProblem', message: expect.stringMatching(/./) },
    });

    const weak = await story.run('Register', {
      input: { email: `weak.${ada.email}`, password: 'password12', displayName: 'Weak' },
    });
    expect(expectData(weak).register).toMatchObject({
      __typename: 'WeakPasswordProblem',
      score: expect.any(Number),
      suggestions: expect.any(Array),
    });

    const wrong = await story.run('Login', { input: { email: ada.email, password: 'not the password' } });
    const unknown = await story.run('Login', { input: { email: `nobody.${ada.email}`, password: 'not the password' } });
    expect(expectData(wrong).login).toEqual({ __typename: 'InvalidCredentialsProblem', message: expect.any(String) });
    expect(expectData(unknown).login).toEqual(expectData(wrong).login);
  });

  it('renews the session, to the same pair for two tabs at once; a spent refresh token ends it later', async () => {
    const ada = await story.newPerson('Ada');
    const renewed = tokensOf(
      (await story.run('RefreshSession', { refreshToken: ada.refreshToken })).body,
      'refreshSession',
    );
    expect(renewed.user.id).toBe(ada.id);
    const again = tokensOf(
      (await story.run('RefreshSession', { refreshToken: ada.refreshToken })).body,
      'refreshSession',
    );
    expect([again.accessToken, again.refreshToken]).toEqual([renewed.accessToken, renewed.refreshToken]);

    await story.graph?.runSql('auth', `UPDATE refresh_tokens SET spent_at = spent_at - interval '1 minute'`);

    const replay = await story.run('RefreshSession', { refreshToken: ada.refreshToken });
    expect(expectData(replay).refreshSession.__typename).toBe('InvalidRefreshTokenProblem');
    const afterwards = await story.run('RefreshSession', { refreshToken: renewed.refreshToken });
    expect(expectData(afterwards).refreshSession.__typename).toBe('InvalidRefreshTokenProblem');
    expect(expectData(await story.run('VerifyToken', { token: renewed.accessToken })).verifyToken.valid).toBe(false);
  });

  it('lists sessions, ends one of them, and then all', async () => {
    const ada = await story.newPerson('Ada');
    const eve = await story.newPerson('Eve');
    const second = tokensOf(
      (await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).body,
      'login',
    );

    const { sessions } = expectData(await ada.run('Sessions'));
    expect(sessions).toHaveLength(2);
    const other = sessions.find((session: { current: boolean }) => !session.current);
    expect(other).toMatchObject({
      id: expect.any(String),
      createdAt: expect.any(String),
      lastUsedAt: expect.any(String),
    });

    expectErrorCode(await eve.run('RevokeSession', { id: other.id }), 'NOT_FOUND');
    expect(expectData(await ada.run('RevokeSession', { id: other.id }))).toEqual({
      revokeSession: { revokedSessions: 1 },
    });
    const dead = await story.run('RefreshSession', { refreshToken: second.refreshToken });
    expect(expectData(dead).refreshSession.__typename).toBe('InvalidRefreshTokenProblem');

    tokensOf((await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).body, 'login');
    expect(expectData(await ada.run('LogoutEverywhere'))).toEqual({ logoutEverywhere: { revokedSessions: 2 } });
    expectErrorCode(await ada.run('Me'), 'UNAUTHENTICATED');
  });

  it('sees where each session was opened and in what program, and no header makes it another place', async () => {
    const ada = await story.newPerson('Ada');
    const input = { email: ada.email, password: PASSWORD };
    await story.run(
      'Login',
      { input },
      {
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
        'apollographql-client-name': 'taskgraph-web',
        'x-forwarded-for': '198.51.100.9',
        'x-taskgraph-client': '{"ipAddress":"198.51.100.9"}',
      },
    );
    const { body } = await postGraphQL(story.gatewayUrl, {
      query: '{ sessions { userAgent clientName ipAddress current } }',
      token: ada.accessToken,
    });
    expect(body.data).toEqual({
      sessions: [
        {
          userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
          clientName: 'taskgraph-web',
          ipAddress: '127.0.0.1',
          current: false,
        },
        { userAgent: 'node', clientName: null, ipAddress: '127.0.0.1', current: true },
      ],
    });
  });

  it('logs out of this session only', async () => {
    const ada = await story.newPerson('Ada');
    const second = tokensOf(
      (await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).body,
      'login',
    );
    expect(expectData(await ada.run('Logout'))).toEqual({ logout: { revokedSessions: 1 } });
    expectErrorCode(await ada.run('Sessions'), 'UNAUTHENTICATED');
    expect(expectData(await story.run('VerifyToken', { token: second.accessToken })).verifyToken.valid).toBe(true);
  });

  it('changes the password, which ends the other sessions', async () => {
    const ada = await story.newPerson('Ada');
    const second = tokensOf(
      (await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).body,
      'login',
    );

    const wrong = await ada.run('ChangePassword', {
      input: { currentPassword: 'wrong', newPassword: 'nine purple herons waltz' },
    });
    expect(expectData(wrong).changePassword.__typename).toBe('InvalidCredentialsProblem');
    const weak = await ada.run('ChangePassword', { input: { currentPassword: PASSWORD, newPassword: 'password12' } });
    expect(expectData(weak).changePassword.__typename).toBe('WeakPasswordProblem');
    const changed = await ada.run('ChangePassword', {
      input: { currentPassword: PASSWORD, newPassword: 'nine purple herons waltz' },
    });
    expect(expectData(changed).changePassword).toEqual({ __typename: 'ChangePasswordSuccess', user: { id: ada.id } });

    expect(expectData(await story.run('VerifyToken', { token: second.accessToken })).verifyToken.valid).toBe(false);
    expect(
      expectData(await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).login.__typename,
    ).toBe('InvalidCredentialsProblem');
    tokensOf(
      (await story.run('Login', { input: { email: ada.email, password: 'nine purple herons waltz' } })).body,
      'login',
    );
  });
});
