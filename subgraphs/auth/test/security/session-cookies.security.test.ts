import { createHash, randomBytes } from 'node:crypto';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, SESSION_TOKENS_PATH, sessionTokens, uuid7 } from '@taskgraph/contracts';
import { createClientInfoSigner } from '@taskgraph/service-kit';
import { expectData, expectErrorCode, postGraphQL, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LOGIN, PASSWORD, startAuthGraph, type AuthGraph, type Tokens } from '../auth-graph.js';
import { plainPasswords } from '../second-factor.js';

const NOBODY = { ipAddress: null, userAgent: null, clientName: null };
const ME = '{ me { id } }';

/** The secret of a cookie, and what auth is told of it. */
function newCookie() {
  const secret = randomBytes(32).toString('base64url');
  return { secret, hash: createHash('sha256').update(secret).digest('base64url') };
}

describe('the session of a cookie', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: plainPasswords });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const headersFor = (sessionCookieHash: string, secret = TEST_CLIENT_INFO_SECRET) => {
    const requestId = uuid7();
    const sign = createClientInfoSigner(secret);
    return { [REQUEST_ID_HEADER]: requestId, [CLIENT_INFO_HEADER]: sign({ ...NOBODY, sessionCookieHash }, requestId) };
  };
  async function logIn(email: string, hash: string, token?: string): Promise<Tokens> {
    const variables = { input: { email, password: PASSWORD } };
    const answer = await postGraphQL(graph.url, { query: LOGIN, variables, headers: headersFor(hash), token });
    return expectData(answer).login as Tokens;
  }
  const exchange = (headers: Record<string, string>) =>
    fetch(graph.url.replace(/\/graphql$/, '') + SESSION_TOKENS_PATH, { method: 'POST', headers });

  it('gives no tokens into the answer, and access tokens to the gateway as long as it lives', async () => {
    const ada = await graph.register();
    const { secret, hash } = newCookie();
    expect(await logIn(ada.email, hash)).toMatchObject({ accessToken: '', refreshToken: '', expiresIn: 0 });
    const answer = await exchange(headersFor(hash));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { accessToken, expiresIn, sessionExpiresIn } = sessionTokens.parse(await answer.json());
    expect([expiresIn, sessionExpiresIn]).toEqual([900, 30 * 24 * 60 * 60]);
    expect(expectData(await graph.run(ME, {}, accessToken)).me.id).toBe(ada.user.id);
    const { rows } = await graph.pool.query('SELECT to_jsonb(s) AS row FROM sessions s');
    expect(JSON.stringify(rows)).not.toContain(secret);

    expectData(await graph.run('mutation { logout { revokedSessions } }', {}, accessToken));
    expect((await exchange(headersFor(hash))).status).toBe(401);
  });

  it('ends when its browser logs in anew; one with tokens does not', async () => {
    const ada = await graph.register();
    const [first, second] = [newCookie(), newCookie()];
    await logIn(ada.email, first.hash);
    const { accessToken } = sessionTokens.parse(await (await exchange(headersFor(first.hash))).json());
    await logIn(ada.email, second.hash, accessToken);
    expect((await exchange(headersFor(first.hash))).status).toBe(401);
    expect((await exchange(headersFor(second.hash))).status).toBe(200);
    await logIn(ada.email, newCookie().hash, ada.accessToken);
    expectData(await graph.run(ME, {}, ada.accessToken));
  });

  it('is told to every process as ended when its browser logs in anew, and not when somebody asks next', async () => {
    await using other = await startAuthGraph({}, undefined, { passwords: plainPasswords });
    const logInThere = async (email: string, token?: string) => {
      const variables = { input: { email, password: PASSWORD } };
      const { hash } = newCookie();
      const headers = headersFor(hash);
      expectData(await postGraphQL(other.url, { query: LOGIN, variables, headers, token }));
      const url = other.url.replace(/\/graphql$/, '') + SESSION_TOKENS_PATH;
      return sessionTokens.parse(await (await fetch(url, { method: 'POST', headers: headersFor(hash) })).json());
    };
    const ada = await other.register();
    const { accessToken } = await logInThere(ada.email);
    const ask = () => other.run('query($id: ID!) { user(id: $id) { id } }', { id: ada.user.id }, accessToken);
    expectData(await ask());
    await logInThere(ada.email, accessToken);
    expectErrorCode(await ask(), 'UNAUTHENTICATED');
  });

  it('has the role of its user at that moment, and ends with a new password', async () => {
    const ada = await graph.register();
    const { hash } = newCookie();
    await logIn(ada.email, hash);
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [ada.user.id]);
    const { accessToken } = sessionTokens.parse(await (await exchange(headersFor(hash))).json());
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ sub: ada.user.id, role: 'ADMIN' });
    await graph.run(
      'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }',
      { input: { currentPassword: PASSWORD, newPassword: 'eight purple whales whistle' } },
      ada.accessToken,
    );
    expect((await exchange(headersFor(hash))).status).toBe(401);
  });

  it('is for gateways alone: a hash from the database opens nothing', async () => {
    const ada = await graph.register();
    const { hash } = newCookie();
    await logIn(ada.email, hash);
    const good = headersFor(hash);
    const attempts: Array<Record<string, string>> = [
      {},
      { authorization: `Bearer ${hash}` },
      { ...good, [REQUEST_ID_HEADER]: uuid7() },
      { ...good, [CLIENT_INFO_HEADER]: `${good[CLIENT_INFO_HEADER]}x` },
      headersFor(hash, 'another secret of more than thirty-two characters'),
      { [CLIENT_INFO_HEADER]: 'garbage', [REQUEST_ID_HEADER]: uuid7() },
    ];
    for (const headers of attempts) expect((await exchange(headers)).status).toBe(403);
    expect((await exchange(headersFor(newCookie().hash))).status).toBe(401);
    expect((await exchange(good)).status).toBe(200);
  });

  it('is the last of those that one request has opened, at once too', async () => {
    const people = [await graph.register(), await graph.register(), await graph.register()];
    const { hash } = newCookie();
    const answers = await Promise.all(people.map(({ email }) => logIn(email, hash)));
    for (const { accessToken } of answers) expect(accessToken).toBe('');
    const { rows } = await graph.pool.query(
      'SELECT user_id FROM sessions WHERE cookie_hash IS NOT NULL AND user_id = ANY($1)',
      [people.map(({ user }) => user.id)],
    );
    expect(rows).toHaveLength(1);
    expect((await exchange(headersFor(hash))).status).toBe(200);
  });
});
