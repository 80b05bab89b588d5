import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { PASSWORD, REFRESH, startAuthGraph, type AuthGraph, type Tokens } from '../auth-graph.js';
import { codeOf, DISABLE, eventsOf, plainPasswords } from '../second-factor.js';

const START = 'mutation($password: String) { startTotp(password: $password) { secret } }';
const CONFIRM = `mutation($code: String!, $password: String) { confirmTotp(code: $code, password: $password) { __typename } }`;
const EVERYWHERE = 'mutation($password: String) { logoutEverywhere(password: $password) { revokedSessions } }';
const REVOKE =
  'mutation($id: ID!, $password: String) { revokeSession(id: $id, password: $password) { revokedSessions } }';

describe('a session whose proof of the password is old', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: plainPasswords });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  type Person = Tokens & { readonly email: string };
  /** As if all sessions had been opened eleven minutes ago; what is asked for is ten. */
  const letTimePass = (userId: string) =>
    graph.pool.query(
      `UPDATE sessions SET created_at = created_at - interval '11 minutes', authenticated_at = authenticated_at - interval '11 minutes'
       WHERE user_id = $1`,
      [userId],
    );
  async function aged(): Promise<Person> {
    const person = await graph.register();
    await letTimePass(person.user.id);
    return person;
  }
  async function otherSessionOf({ email, accessToken }: Person): Promise<string> {
    await graph.login(email);
    const { sessions } = expectData(await graph.run('{ sessions { id current } }', {}, accessToken));
    return sessions.find(({ current }: { current: boolean }) => !current).id as string;
  }

  const CHANGES = [
    ['startTotp', async () => [START, {}], 'SECOND_FACTOR_ENABLED'],
    ['confirmTotp', async () => [CONFIRM, { code: '123456' }], 'SECOND_FACTOR_ENABLED'],
    ['logoutEverywhere', async () => [EVERYWHERE, {}], 'LOGOUT'],
    ['revokeSession of another', async (person: Person) => [REVOKE, { id: await otherSessionOf(person) }], 'LOGOUT'],
  ] as ReadonlyArray<
    readonly [string, (person: Person) => Promise<readonly [string, Record<string, unknown>]>, string]
  >;

  it.each(CHANGES)(
    'changes nothing by %s without the password, says what to do, and is on record',
    async (_name, ask, action) => {
      const person = await aged();
      const [query, variables] = await ask(person);
      const refused = expectErrorCode(await graph.run(query, variables, person.accessToken), 'FORBIDDEN');
      expect(refused).toMatchObject({
        message: 'Give your password with this change, or log in again.',
        extensions: { reason: 'REAUTHENTICATION_REQUIRED', maxAgeSeconds: 600 },
      });
      const wrong = await graph.run(query, { ...variables, password: 'wrong horse' }, person.accessToken);
      expect(expectErrorCode(wrong, 'FORBIDDEN').extensions?.reason).toBe('WRONG_PASSWORD');
      expect(
        expectData(await graph.run('{ me { twoFactorEnabled } sessions { id } }', {}, person.accessToken)).me,
      ).toEqual({
        twoFactorEnabled: false,
      });
      expect((await eventsOf(graph, person.user.id)).slice(-2)).toEqual([
        { what: `${action} FAILURE`, details: { reason: 'REAUTHENTICATION_REQUIRED' } },
        { what: `${action} FAILURE`, details: { reason: 'WRONG_PASSWORD' } },
      ]);
      expectData(await graph.run(query, { ...variables, password: PASSWORD }, person.accessToken));
    },
  );

  it.each(CHANGES)('guesses no password by %s', async (_name, ask) => {
    const person = await aged();
    const [query, variables] = await ask(person);
    const guess = (password: string) => graph.run(query, { ...variables, password }, person.accessToken);
    for (let tries = 0; tries < 5; tries += 1) expectErrorCode(await guess('wrong horse'), 'FORBIDDEN');
    expect(expectErrorCode(await guess(PASSWORD), 'RATE_LIMITED').extensions?.reason).toBe('ACCOUNT_LOCKED');
  });

  it('has none again by being renewed', async () => {
    const { user, refreshToken } = await aged();
    const renewed = expectData(await graph.run(REFRESH, { refreshToken })).refreshSession as Tokens;
    expectErrorCode(await graph.run(START, {}, renewed.accessToken), 'FORBIDDEN');
    expect(await eventsOf(graph, user.id)).toHaveLength(2);
  });

  it('has one again for a while once the password was given, be it with another change', async () => {
    const person = await aged();
    const input = { currentPassword: PASSWORD, newPassword: 'nine purple herons waltz' };
    const change = 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';
    expectData(await graph.run(change, { input }, person.accessToken));
    const { secret } = expectData(await graph.run(START, {}, person.accessToken)).startTotp as { secret: string };
    await letTimePass(person.user.id);
    const code = codeOf(secret);
    expectErrorCode(await graph.run(CONFIRM, { code }, person.accessToken), 'FORBIDDEN');
    const password = input.newPassword;
    expect(expectData(await graph.run(CONFIRM, { code, password }, person.accessToken)).confirmTotp.__typename).toBe(
      'TotpEnabled',
    );
    await letTimePass(person.user.id);
    expect(expectData(await graph.run(DISABLE, { password }, person.accessToken)).disableTotp.__typename).toBe(
      'TotpDisabled',
    );
    expectData(await graph.run(START, {}, person.accessToken));
  });

  it('gives another session of the same person none', async () => {
    const person = await graph.register();
    const other = await graph.login(person.email);
    await letTimePass(person.user.id);
    expectData(await graph.run(START, { password: PASSWORD }, person.accessToken));
    expectErrorCode(await graph.run(START, {}, other.accessToken), 'FORBIDDEN');
  });

  it('ends itself without one', async () => {
    const { accessToken } = await aged();
    const { sessions } = expectData(await graph.run('{ sessions { id } }', {}, accessToken));
    const id = (sessions[0].id as string).toUpperCase();
    expect(expectData(await graph.run(REVOKE, { id }, accessToken)).revokeSession.revokedSessions).toBe(1);
    const again = await aged();
    expectData(await graph.run('mutation { logout { revokedSessions } }', {}, again.accessToken));
  });
});
