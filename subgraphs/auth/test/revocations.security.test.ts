import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REVOCATIONS_PATH, uuid7, type RevocationPage } from '@taskgraph/contracts';
import { createMemoryLiveFeed, type LiveFeed } from '@taskgraph/service-kit';
import { cloneDatabase, expectData, expectErrorCode } from '@taskgraph/testkit';
import jwt from 'jsonwebtoken';
import { NEVER_MS, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

const USER = 'query($id: ID!) { user(id: $id) { id } }';
const sessionOf = ({ accessToken }: Tokens) => (jwt.decode(accessToken) as { sid: string }).sid;

describe('a session that has ended', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({ REVOCATION_POLL_MS: '50' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const list = async (after?: string, url = graph.url) => {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
    const response = await fetch(`${url}${REVOCATIONS_PATH}${query}`);
    return { status: response.status, headers: response.headers, body: (await response.json()) as RevocationPage };
  };
  const ask = (tokens: Tokens, on: AuthGraph = graph) => on.run(USER, { id: tokens.user.id }, tokens.accessToken);
  const untilRefused = async (tokens: Tokens, on: AuthGraph = graph) => {
    // Until then whoever is gone is not found.
    for (;;) {
      const { body } = await ask(tokens, on);
      const refused = body.errors?.find(({ extensions }) => extensions?.code === 'UNAUTHENTICATED');
      if (refused) return refused.extensions?.reason;
    }
  };

  it('is told of in the list, whoever has ended it and however', async () => {
    const [ada, eve, old] = [await graph.register(), await graph.register(), await graph.register()];
    const sids = [ada, eve].map(sessionOf);
    await graph.run('mutation { logout { revokedSessions } }', {}, ada.accessToken);
    await graph.pool.query('DELETE FROM users WHERE id = $1', [eve.user.id]);
    await graph.pool.query(`UPDATE sessions SET last_used_at = now() WHERE id = $1`, [sessionOf(old)]);

    const { status, headers, body } = await list();
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    const ids = body.sessions.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(sids));
    expect(ids).not.toContain(sessionOf(old));
    expect(JSON.stringify(body)).not.toContain(ada.user.id);
    expect([await untilRefused(ada), await untilRefused(eve)]).toEqual(['SESSION_REVOKED', 'SESSION_REVOKED']);
    expectData(await ask(old));
  });

  it('is told again to who asks from a moment before, since a transaction may end late; and never is missed page by page', async () => {
    const { body: before } = await list();
    const ada = await graph.register();
    await graph.run('mutation { logout { revokedSessions } }', {}, ada.accessToken);
    const { body } = await list(before.cursor);
    expect(body.sessions.map(({ id }) => id)).toContain(sessionOf(ada));

    await graph.pool.query(`INSERT INTO revoked_sessions (session_id, revoked_at)
      SELECT gen_random_uuid(), now() - interval '5 minutes' FROM generate_series(1, 10005)`);
    const all = new Set<string>();
    let page = (await list()).body;
    for (; page.hasMore; page = (await list(page.cursor)).body) page.sessions.forEach(({ id }) => all.add(id));
    page.sessions.forEach(({ id }) => all.add(id));
    const { rows } = await graph.pool.query('SELECT count(*)::int AS count FROM revoked_sessions');
    expect(all.size).toBe(rows[0].count);
  });

  it.each(['garbage', '1_2', `x_${uuid7()}`, '99999999999999999999_'])('refuses the cursor %j', async (cursor) => {
    const { status, body } = await list(cursor);
    expect([status, body]).toEqual([
      400,
      { errors: [expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT' } })] },
    ]);
  });

  it('gets in nowhere from then on: at another replica by the poll where no feed carries it', async () => {
    await using database = await cloneDatabase('auth');
    await using one = await startAuthGraph({ REVOCATION_POLL_MS: NEVER_MS }, database);
    await using other = await startAuthGraph({ REVOCATION_POLL_MS: '50' }, database);
    const ada = await one.register();
    expectData(await ask(ada, other));
    await one.run('mutation { logoutEverywhere { revokedSessions } }', {}, ada.accessToken);
    expect(await untilRefused(ada, other)).toBe('SESSION_REVOKED');
  });

  it('gets in nowhere from then on: by the feed where no poll comes', async () => {
    const shared = createMemoryLiveFeed();
    const feed: LiveFeed = { ...shared, close: async () => undefined };
    const transport = { bus: null, feed, close: async () => undefined };
    await using database = await cloneDatabase('auth');
    await using one = await startAuthGraph({ REVOCATION_POLL_MS: NEVER_MS }, database, { transport });
    await using other = await startAuthGraph({ REVOCATION_POLL_MS: NEVER_MS }, database, { transport });
    const ada = await one.register();
    expectData(await ask(ada, other));
    await one.run('mutation { logout { revokedSessions } }', {}, ada.accessToken);
    expect(await untilRefused(ada, other)).toBe('SESSION_REVOKED');
  });

  it('gets in nowhere when a process has just started', async () => {
    await using database = await cloneDatabase('auth');
    let ada: Tokens;
    {
      await using one = await startAuthGraph({}, database);
      ada = await one.register();
      await one.run('mutation { logout { revokedSessions } }', {}, ada.accessToken);
    }
    await using later = await startAuthGraph({ REVOCATION_POLL_MS: NEVER_MS }, database);
    expectErrorCode(await ask(ada, later), 'UNAUTHENTICATED');
  });

  it('lets nobody in who presents a spent token, and nobody else of its family, 20 rounds of all at once', async () => {
    await using strict = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0', REVOCATION_POLL_MS: '50' });
    for (let round = 0; round < 20; round += 1) {
      const ada = await strict.register();
      const refresh = `mutation($t: String!) { refreshSession(refreshToken: $t) { ... on AuthPayload { accessToken user { id } } } }`;
      const answers = await Promise.all(Array.from({ length: 3 }, () => strict.run(refresh, { t: ada.refreshToken })));
      const winners = answers.flatMap(
        (answer) => (expectData(answer).refreshSession as Partial<Tokens>).accessToken ?? [],
      );
      expect(winners).toHaveLength(1);
      expect(await untilRefused({ ...ada, accessToken: winners[0] as string }, strict)).toBe('SESSION_REVOKED');
    }
  });
});
