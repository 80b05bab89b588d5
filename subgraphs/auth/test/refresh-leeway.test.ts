import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countStatements, expectData, postGraphQL } from '@taskgraph/testkit';
import { REFRESH, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

type Refreshed = Tokens & { readonly __typename: string };

describe('a refresh token that is exchanged', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const refresh = async (refreshToken: string, userAgent = 'a browser', url = graph.url): Promise<Refreshed> =>
    expectData(
      await postGraphQL(url, { query: REFRESH, variables: { refreshToken }, headers: { 'user-agent': userAgent } }),
    ).refreshSession as Refreshed;
  const age = (interval: string) =>
    graph.pool.query(`UPDATE refresh_tokens SET spent_at = spent_at - $1::interval WHERE spent_at IS NOT NULL`, [
      interval,
    ]);

  it('gets the same pair again, and that pair is good', async () => {
    const { refreshToken } = await graph.register();
    const first = await refresh(refreshToken);
    const second = await refresh(refreshToken);
    expect([second.accessToken, second.refreshToken]).toEqual([first.accessToken, first.refreshToken]);
    expect(second.expiresIn).toBeLessThanOrEqual(first.expiresIn);
    expect((await refresh(first.refreshToken)).__typename).toBe('AuthPayload');
  });

  it('ends its session when it comes after that time', async () => {
    const { refreshToken } = await graph.register();
    const { refreshToken: next } = await refresh(refreshToken);
    await age('11 seconds');
    expect((await refresh(refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
    expect((await refresh(next)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it('ends its session when another program presents it', async () => {
    const { refreshToken } = await graph.register();
    const { refreshToken: next } = await refresh(refreshToken);
    expect((await refresh(refreshToken, 'a thief')).__typename).toBe('InvalidRefreshTokenProblem');
    expect((await refresh(next)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it('gets nothing again where that is off, nor once its session has ended', async () => {
    await using strict = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0' });
    const { refreshToken } = await strict.register();
    const { refreshToken: next } = await refresh(refreshToken, 'a browser', strict.url);
    expect((await refresh(refreshToken, 'a browser', strict.url)).__typename).toBe('InvalidRefreshTokenProblem');
    expect((await refresh(next, 'a browser', strict.url)).__typename).toBe('InvalidRefreshTokenProblem');

    const ended = await graph.register();
    const pair = await refresh(ended.refreshToken);
    expectData(await graph.run('mutation { logout { revokedSessions } }', {}, pair.accessToken));
    expect((await refresh(ended.refreshToken)).__typename).toBe('InvalidRefreshTokenProblem');
  });

  it('leaves no answer in the database for longer than it may be asked for, and none that can be read there', async () => {
    const { refreshToken, user } = await graph.register();
    const first = await refresh(refreshToken);
    const answers = async () => {
      const { rows } = await graph.pool.query<{ answer: Buffer }>(
        'SELECT answer FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE s.user_id = $1 AND answer IS NOT NULL',
        [user.id],
      );
      return rows.map(({ answer }) => answer);
    };
    const [stored] = await answers();
    for (const secret of [first.refreshToken, first.accessToken, refreshToken])
      expect(stored?.toString('latin1')).not.toContain(secret);
    await age('11 seconds');
    await refresh(first.refreshToken);
    expect(await answers()).toHaveLength(1);
  });

  it('keeps one family and loses nobody in 200 rounds of two at one instant, on two processes', async () => {
    await using other = await startAuthGraph({}, graph.database);
    const { user, ...first } = await graph.register();
    let refreshToken = first.refreshToken;
    const { statements } = await countStatements(graph.pool, async () => {
      for (let round = 0; round < 200; round += 1) {
        const [here, there] = await Promise.all([
          refresh(refreshToken),
          refresh(refreshToken, 'a browser', round % 2 === 0 ? other.url : graph.url),
        ]);
        expect([round, here.__typename, there.__typename]).toEqual([round, 'AuthPayload', 'AuthPayload']);
        expect([here.accessToken, here.refreshToken]).toEqual([there.accessToken, there.refreshToken]);
        refreshToken = here.refreshToken;
      }
    });
    expect(statements.length).toBeGreaterThan(200);
    const { rows } = await graph.pool.query(
      `SELECT count(DISTINCT s.id)::int AS sessions, count(*)::int AS tokens, count(*) FILTER (WHERE spent_at IS NULL)::int AS unspent,
        bool_and(s.revoked_at IS NULL) AS live
       FROM sessions s JOIN refresh_tokens t ON t.session_id = s.id WHERE s.user_id = $1`,
      [user.id],
    );
    expect(rows).toEqual([{ sessions: 1, tokens: 201, unspent: 1, live: true }]);
  });
});
