import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import jwt from 'jsonwebtoken';
import type { PasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { LOGIN, PASSWORD, REFRESH, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

const CHANGE = `mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }`;
const CHANGE_EMAIL = 'mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename } }';
const NEXT = 'eight purple whales whistle';

/** A hasher that costs nothing, and that can be held in the midst of comparing. */
function heldHasher() {
  const waiting: Array<() => void> = [];
  let holds = false;
  let arrived: () => void = () => undefined;
  const passwords: PasswordHasher = {
    hash: async (password) => `plain ${password} ${Math.random()}`,
    async verify(stored, password) {
      if (holds) {
        holds = false;
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          arrived();
        });
      }
      return stored?.startsWith(`plain ${password} `) ?? false;
    },
    isOutdated: () => false,
  };
  return {
    passwords,
    /** Holds the next comparison; resolves when it is there. */
    holdNext: () => {
      holds = true;
      return new Promise<void>((resolve) => (arrived = resolve));
    },
    release: () => waiting.splice(0).forEach((resolve) => resolve()),
  };
}

describe('what is under way while an account changes', () => {
  const hasher = heldHasher();
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: hasher.passwords });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const liveSessions = async (userId: string) => {
    const { rows } = await graph.pool.query<{ id: string }>(
      'SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()',
      [userId],
    );
    return rows.map(({ id }) => id);
  };
  const logIn = (email: string, password = PASSWORD) => graph.run(LOGIN, { input: { email, password } });
  const change = async (token: string, currentPassword = PASSWORD, newPassword = NEXT) =>
    graph.run(CHANGE, { input: { currentPassword, newPassword } }, token);
  const sessionOf = ({ accessToken }: Tokens) => (jwt.decode(accessToken) as { sid: string }).sid;

  it('refuses a login whose password was changed while it was compared', async () => {
    const ada = await graph.register();
    const held = hasher.holdNext();
    const login = logIn(ada.email);
    await held;
    expect(expectData(await change(ada.accessToken)).changePassword.__typename).toBe('ChangePasswordSuccess');
    hasher.release();
    expect(expectData(await login).login.__typename).toBe('InvalidCredentialsProblem');
    expect(await liveSessions(ada.user.id)).toEqual([sessionOf(ada)]);
  });

  it('refuses a login whose account is erased meanwhile, as one that never was', async () => {
    const ada = await graph.register();
    const held = hasher.holdNext();
    const login = logIn(ada.email);
    await held;
    await graph.pool.query('DELETE FROM users WHERE id = $1', [ada.user.id]);
    hasher.release();
    expect(expectData(await login).login.__typename).toBe('InvalidCredentialsProblem');
  });

  it('gives a login the role that the user has when its session opens', async () => {
    const ada = await graph.register();
    await graph.pool.query(`UPDATE users SET role = 'ADMIN' WHERE id = $1`, [ada.user.id]);
    const held = hasher.holdNext();
    const login = logIn(ada.email);
    await held;
    await graph.pool.query(`UPDATE users SET role = 'USER' WHERE id = $1`, [ada.user.id]);
    hasher.release();
    expect(jwt.decode(expectData(await login).login.accessToken)).toMatchObject({ role: 'USER' });
  });

  it('lets one of two changes of a password through that both know the old one', async () => {
    const ada = await graph.register();
    const other = await graph.login(ada.email);
    const held = hasher.holdNext();
    const slow = change(ada.accessToken, PASSWORD, 'nine yellow geese complain');
    await held;
    expect(expectData(await change(other.accessToken)).changePassword.__typename).toBe('ChangePasswordSuccess');
    hasher.release();
    // Its session was ended with the others of the first.
    expect(expectErrorCode(await slow, 'UNAUTHENTICATED').extensions?.reason).toBe('SESSION_REVOKED');
    expect(expectData(await logIn(ada.email, NEXT)).login.__typename).toBe('AuthPayload');

    const again = hasher.holdNext();
    const late = change(other.accessToken, NEXT, 'nine yellow geese complain');
    await again;
    expect(expectData(await change(other.accessToken, NEXT, PASSWORD)).changePassword.__typename).toBe(
      'ChangePasswordSuccess',
    );
    hasher.release();
    expect(expectData(await late).changePassword.__typename).toBe('InvalidCredentialsProblem');
    expect(expectData(await logIn(ada.email, PASSWORD)).login.__typename).toBe('AuthPayload');
  });

  it('changes no password for a session that is ended, or an account that is erased, meanwhile', async () => {
    const ada = await graph.register();
    const other = await graph.login(ada.email);
    const held = hasher.holdNext();
    const changing = change(ada.accessToken);
    await held;
    expectData(await graph.run('mutation { logoutEverywhere { revokedSessions } }', {}, other.accessToken));
    hasher.release();
    expectErrorCode(await changing, 'UNAUTHENTICATED');
    const back = await graph.login(ada.email);

    const heldAgain = hasher.holdNext();
    const changingAgain = change(back.accessToken);
    await heldAgain;
    await graph.pool.query('DELETE FROM users WHERE id = $1', [ada.user.id]);
    hasher.release();
    expectErrorCode(await changingAgain, 'UNAUTHENTICATED');
  });

  it('sends no link to a new address where the password was changed, or the session ended, while it was compared', async () => {
    const ada = await graph.register();
    const other = await graph.login(ada.email);
    const move = (token: string, password: string) =>
      graph.run(CHANGE_EMAIL, { input: { email: `thief.of.${ada.email}`, password } }, token);
    const held = hasher.holdNext();
    const late = move(ada.accessToken, PASSWORD);
    await held;
    expectData(await change(ada.accessToken));
    hasher.release();
    expect(expectData(await late).changeEmail.__typename).toBe('InvalidCredentialsProblem');

    const back = await logIn(ada.email, NEXT);
    const { accessToken } = expectData(back).login;
    const heldAgain = hasher.holdNext();
    const stolen = move(ada.accessToken, NEXT);
    await heldAgain;
    expectData(await graph.run('mutation { logoutEverywhere { revokedSessions } }', {}, accessToken));
    hasher.release();
    expectErrorCode(await stolen, 'UNAUTHENTICATED');
    expectErrorCode(await move(other.accessToken, NEXT), 'UNAUTHENTICATED');
    const { rows } = await graph.pool.query(
      `SELECT 1 FROM account_tokens WHERE purpose = 'email-change' AND user_id = $1`,
      [ada.user.id],
    );
    expect(rows).toEqual([]);
  });

  it.each([
    ['its session is being ended', 'UPDATE sessions SET revoked_at = now() WHERE user_id = $1', null],
    ['the role is being taken', `UPDATE users SET role = 'USER' WHERE id = $1`, 'USER'],
    ['the account is being erased', 'DELETE FROM users WHERE id = $1', null],
  ])('lets a refresh wait while %s, and go by what it finds then', async (_what, sql, role) => {
    const ada = await graph.register();
    await graph.pool.query(`UPDATE users SET role = 'ADMIN' WHERE id = $1`, [ada.user.id]);
    const refreshed = await withClient(graph.database.url, async (client) => {
      await client.query('BEGIN');
      await client.query(sql, [ada.user.id]);
      const refresh = graph.run(REFRESH, { refreshToken: ada.refreshToken });
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      for (let blocked = 0; blocked === 0;)
        blocked = (
          await client.query(`SELECT pid FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))`, [rows[0]?.pid])
        ).rows.length;
      await client.query('COMMIT');
      return expectData(await refresh).refreshSession;
    });
    if (role === null) expect(refreshed.__typename).toBe('InvalidRefreshTokenProblem');
    else expect(jwt.decode(refreshed.accessToken)).toMatchObject({ role });
  });

  it('leaves one session after a change, whatever logs in and refreshes at the same time', async () => {
    const ada = await graph.register();
    let password = PASSWORD;
    let keeper: Tokens = ada;
    for (let round = 0; round < 25; round += 1) {
      const others = await Promise.all([logIn(ada.email, password), logIn(ada.email, password)]);
      const next = `${NEXT} ${round}`;
      const [changed] = await Promise.all([
        change(keeper.accessToken, password, next),
        ...[0, 1, 2].map(() => logIn(ada.email, password)),
        ...others.map((other) => graph.run(REFRESH, { refreshToken: expectData(other).login.refreshToken })),
      ]);
      expect(expectData(changed).changePassword.__typename).toBe('ChangePasswordSuccess');
      expect(await liveSessions(ada.user.id)).toEqual([sessionOf(keeper)]);
      password = next;
      keeper = expectData(await graph.run(REFRESH, { refreshToken: keeper.refreshToken })).refreshSession;
    }
  });
});
