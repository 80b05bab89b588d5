import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { startAuthGraph, type AuthGraph } from '../auth-graph.js';
import {
  asClient,
  codeOf,
  CONFIRM,
  eventsOf,
  forgetSteps,
  plainPasswords,
  registerGuarded,
  START,
  type Answer,
} from '../second-factor.js';

const OWN_PASSWORD = 'eight purple whales whistle';

describe('an account that somebody else has opened with an address', () => {
  let graph: AuthGraph;
  let client: ReturnType<typeof asClient>;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: plainPasswords });
    client = asClient(graph);
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const resetByMail = async (email: string, newPassword = OWN_PASSWORD) => {
    await graph.run('mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }', { email });
    const { token } = await graph.mailbox.next(email, /new password/);
    const answer = await graph.run(
      `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { __typename
        ... on AuthPayload { accessToken user { id twoFactorEnabled emailVerified } } } }`,
      { input: { token, newPassword } },
    );
    return expectData(answer).resetPassword as Answer;
  };

  it('goes to the owner of the address by the link for a new password, whatever second factor was set up before', async () => {
    const squatter = await registerGuarded(graph);
    const { challenge } = await client.logIn(squatter.email);
    const owner = await resetByMail(squatter.email);
    expect(owner).toMatchObject({
      __typename: 'AuthPayload',
      user: { id: squatter.user.id, twoFactorEnabled: false, emailVerified: true },
    });
    await graph.mailbox.next(squatter.email, /second factor of your account is off/);

    expectErrorCode(await graph.run('{ me { id } }', {}, squatter.accessToken), 'UNAUTHENTICATED');
    expect(await client.complete(challenge, squatter.recoveryCodes[0] as string)).toMatchObject({ mayTryAgain: false });
    expect((await client.logIn(squatter.email)).__typename).toBe('InvalidCredentialsProblem');
    expect(await eventsOf(graph, squatter.user.id)).toEqual([
      { what: 'REGISTER SUCCESS', details: expect.anything() },
      { what: 'SECOND_FACTOR_ENABLED SUCCESS', details: expect.anything() },
      { what: 'PASSWORD_CHANGE SUCCESS', details: { by: 'mail', sessionsEnded: 1, sessions: [expect.any(String)] } },
      { what: 'SECOND_FACTOR_DISABLED SUCCESS', details: { by: 'mail' } },
      { what: 'LOGIN SUCCESS', details: { by: 'mail', sessionId: expect.any(String) } },
      { what: 'LOGIN FAILURE', details: {} },
    ]);
  });

  it('keeps the second factor that its owner sets up then, at the next forgotten password too', async () => {
    const squatter = await registerGuarded(graph);
    const { accessToken } = await resetByMail(squatter.email);
    const { secret } = expectData(await graph.run(START, {}, accessToken)).startTotp as { secret: string };
    expect(expectData(await graph.run(CONFIRM, { code: codeOf(secret) }, accessToken)).confirmTotp.__typename).toBe(
      'TotpEnabled',
    );
    await forgetSteps(graph);
    const forgotten = await resetByMail(squatter.email, 'nine orange herons hum along');
    expect(forgotten.__typename).toBe('SecondFactorRequired');
  });

  it('says in its first mail what to do with an account that one did not open', async () => {
    const { email } = await graph.register();
    const { text } = await graph.mailbox.next(email, /Confirm your e-mail/);
    expect(text).toMatch(/If it was not you, do not open the link: ask for a new password/);
  });
});
