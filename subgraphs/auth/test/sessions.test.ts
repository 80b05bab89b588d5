import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cloneDatabase, expectData, expectErrorCode, signTestToken } from '@taskgraph/testkit';
import jwt from 'jsonwebtoken';
import { REFRESH, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

const ME = '{ me { id email } }';
const VERIFY = 'query($token: String!) { verifyToken(token: $token) { valid expiresAt user { id } } }';

describe('sessions', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    // What a spent token gets in the moment after it was spent has a test of its own.
    graph = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const refresh = async (refreshToken: string) =>
    expectData(await graph.run(REFRESH, { refreshToken })).refreshSession as Tokens & { __typename: string };

  it('give tokens that anybody can verify with the published key', async () => {
    const { accessToken, user } = await graph.register();
    const response = await fetch(`${graph.url}/.well-known/jwks.json`);
    expect(response.headers.get('cache-control')).toBe('public, max-age=15');
    const { keys } = (await response.json()) as { keys: Array<{ kid: string }> };
    const decoded = jwt.decode(accessToken, { complete: true });
    const key = keys.find(({ kid }) => kid === decoded?.header.kid);
    expect(JSON.stringify(keys)).not.toMatch(/"d"/);
    const claims = jwt.verify(accessToken, createPublicKey({ key: key as object as never, format: 'jwk' }), {
      algorithms: ['ES256'],
      issuer: 'taskgraph',
      audience: 'taskgraph',
    }) as jwt.JwtPayload;
    expect(claims).toMatchObject({
      sub: user.id,
      role: 'USER',
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      jti: expect.any(String),
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
  });

  it('ask for a token, and say what is wrong with the one that came', async () => {
    expect(expectErrorCode(await graph.run(ME), 'UNAUTHENTICATED').extensions?.reason).toBe('TOKEN_MISSING');
    expect(expectErrorCode(await graph.run(ME, {}, 'garbage'), 'UNAUTHENTICATED').extensions?.reason).toBe(
      'TOKEN_INVALID',
    );
    expect(expectErrorCode(await graph.run(ME, {}, signTestToken()), 'UNAUTHENTICATED').extensions?.reason).toBe(
      'TOKEN_INVALID',
    );
  });

  it('tell of a token whether it is good, and never fail on garbage', async () => {
    const { accessToken, user } = await graph.register();
    expect(expectData(await graph.run(VERIFY, { token: accessToken })).verifyToken).toEqual({
      valid: true,
      expiresAt: expect.any(String),
      user: { id: user.id },
    });
    for (const token of ['', 'garbage', 'a.b.c', signTestToken(), `${accessToken}x`, 'x'.repeat(100_000)]) {
      expect(expectData(await graph.run(VERIFY, { token })).verifyToken).toEqual({
        valid: false,
        expiresAt: null,
        user: null,
      });
    }
  });

  it('are renewed by a token that is good once; the second time ends the session', async () => {
    const first = await graph.register();
    const second = await refresh(first.refreshToken);
    expect(second.__typename).toBe('AuthPayload');
    const third = await refresh(second.refreshToken);
    expect(third.__typename).toBe('AuthPayload');
    expect((await refresh(first.refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
    expect((await refresh(third.refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
    expect(expectErrorCode(await graph.run(ME, {}, third.accessToken), 'UNAUTHENTICATED').extensions?.reason).toBe(
      'SESSION_REVOKED',
    );
  });

  it('let one of two win who present one token at the same time, and end then', async () => {
    const { refreshToken } = await graph.register();
    const outcomes = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect(outcomes.map(({ __typename }) => __typename).sort()).toEqual(['AuthPayload', 'InvalidRefreshTokenProblem']);
    const winner = outcomes.find(({ __typename }) => __typename === 'AuthPayload') as Tokens;
    expect((await refresh(winner.refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it.each(['', 'garbage', 'x'.repeat(43), 'x'.repeat(10_000)])('are not renewed by %j', async (refreshToken) => {
    expect((await refresh(refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it('are not renewed after their time', async () => {
    const { refreshToken, user } = await graph.register();
    await graph.pool.query("UPDATE sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1", [
      user.id,
    ]);
    expect((await refresh(refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it('know where they came from', async () => {
    const { accessToken } = await graph.register();
    const { sessions } = expectData(await graph.run('{ sessions { userAgent ipAddress current } }', {}, accessToken));
    expect(sessions).toEqual([{ userAgent: 'node', ipAddress: '127.0.0.1', current: true }]);
  });

  it('cannot be ended by others', async () => {
    const [ada, eve] = [await graph.register(), await graph.register()];
    const { sessions } = expectData(await graph.run('{ sessions { id } }', {}, ada.accessToken));
    const revoke = 'mutation($id: ID!) { revokeSession(id: $id) { revokedSessions } }';
    for (const id of [sessions[0].id, 'garbage'])
      expectErrorCode(await graph.run(revoke, { id }, eve.accessToken), 'NOT_FOUND');
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.id).toBe(ada.user.id);
    expect(expectData(await graph.run(revoke, { id: sessions[0].id }, ada.accessToken)).revokeSession).toEqual({
      revokedSessions: 1,
    });
    expectErrorCode(await graph.run(revoke, { id: sessions[0].id }, ada.accessToken), 'UNAUTHENTICATED');
  });
});

describe('signing keys', () => {
  it('are the same for processes that start at once, and for the next start', async () => {
    await using database = await cloneDatabase('auth');
    const graphs = await Promise.all([startAuthGraph({}, database), startAuthGraph({}, database)]);
    const documents = await Promise.all(
      graphs.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()),
    );
    expect(documents[0]).toBe(documents[1]);
    const { accessToken, user } = await graphs[0].register();
    expect(expectData(await graphs[1].run(ME, {}, accessToken)).me.id).toBe(user.id);
    await Promise.all(graphs.map((graph) => graph[Symbol.asyncDispose]()));

    await using again = await startAuthGraph({}, database);
    expect(expectData(await again.run(ME, {}, accessToken)).me.id).toBe(user.id);
    await expect(
      startAuthGraph({ AUTH_KEY_ENCRYPTION_SECRET: 'another secret of thirty-two characters' }, database),
    ).rejects.toThrow('AUTH_KEY_ENCRYPTION_SECRET');
  });
});
