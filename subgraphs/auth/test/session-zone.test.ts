import { describe, expect, it } from '@jest/globals';
import { cloneDatabase, expectData, preferForeignSessions } from '@taskgraph/testkit';
import { REFRESH, startAuthGraph } from './auth-graph.js';

describe('a database of another zone', () => {
  it('keeps the times of accounts and sessions', async () => {
    await using database = await cloneDatabase('auth');
    await preferForeignSessions(database);
    // Shorter than the distance of the zones: a session that is off by it is over at once, or never.
    await using graph = await startAuthGraph({ SESSION_LIFETIME_SECONDS: '1800' }, database);
    const before = Date.now();
    const { accessToken, refreshToken } = await graph.register();
    const after = Date.now();

    const { me, sessions } = expectData(
      await graph.run('{ me { createdAt } sessions { createdAt lastUsedAt current } }', {}, accessToken),
    );
    for (const instant of [me.createdAt, sessions[0].createdAt, sessions[0].lastUsedAt]) {
      expect(Date.parse(instant)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(instant)).toBeLessThanOrEqual(after);
    }
    const { rows } = await graph.pool.query<{ expires: number }>(
      'SELECT extract(epoch FROM expires_at)::float8 * 1000 AS expires FROM sessions',
    );
    expect(rows[0]?.expires).toBeGreaterThanOrEqual(before + 1_800_000);
    expect(rows[0]?.expires).toBeLessThanOrEqual(after + 1_800_000);
    expect(expectData(await graph.run(REFRESH, { refreshToken })).refreshSession.__typename).toBe('AuthPayload');
    await graph.pool.query(`UPDATE sessions SET expires_at = now() - interval '1 minute'`);
    expect((await graph.run('{ me { id } }', {}, accessToken)).body.errors?.[0]?.extensions).toMatchObject({
      reason: 'SESSION_REVOKED',
    });
  });
});
