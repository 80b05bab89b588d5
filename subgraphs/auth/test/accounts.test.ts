import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { countStatements, expectData, expectErrorCode, type GraphQLResult } from '@taskgraph/testkit';
import { createPasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { LOGIN, PASSWORD, REGISTER, startAuthGraph, type AuthGraph } from './auth-graph.js';

describe('accounts', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const registerAs = (input: Record<string, unknown>) =>
    graph.run(REGISTER, {
      input: { email: `a.${randomUUID()}@example.com`, password: PASSWORD, displayName: 'Ada', ...input },
    });

  it('are opened once for an address, however it is written', async () => {
    expect(expectData(await registerAs({ email: 'Ada@Example.com' })).register).toMatchObject({
      __typename: 'AuthPayload',
      expiresIn: 900,
      user: { email: 'ada@example.com' },
    });
    expect(expectData(await registerAs({ email: ' ada@EXAMPLE.com ' })).register.__typename).toBe('EmailTakenProblem');
  });

  it('are opened once when many try at the same time', async () => {
    const outcomes = await Promise.all(
      Array.from(
        { length: 5 },
        async () => expectData(await registerAs({ email: 'race@example.com' })).register.__typename as string,
      ),
    );
    expect(outcomes.sort()).toEqual([
      'AuthPayload',
      'EmailTakenProblem',
      'EmailTakenProblem',
      'EmailTakenProblem',
      'EmailTakenProblem',
    ]);
    const { rows } = await graph.pool.query(
      "SELECT count(*)::int AS users FROM users WHERE email = 'race@example.com'",
    );
    expect(rows).toEqual([{ users: 1 }]);
  });

  it.each([
    { email: 'ada' },
    { email: '' },
    { displayName: ' ' },
    { displayName: 'x'.repeat(81) },
    { displayName: 'a\u0000' },
    { password: 'short' },
    { password: 'x'.repeat(129) },
  ])('are refused for %j', async (input) => {
    expectErrorCode(await registerAs(input), 'BAD_USER_INPUT');
  });

  it('are refused a password that is easy to guess, with advice', async () => {
    const { register } = expectData(await registerAs({ password: 'password123' }));
    expect(register).toMatchObject({
      __typename: 'WeakPasswordProblem',
      suggestions: expect.arrayContaining([expect.any(String)]),
    });
    expect(register.score).toBeLessThan(3);
  });

  it('keep passwords as argon2id hashes and refresh tokens as SHA-256', async () => {
    const { email, refreshToken } = await graph.register();
    const { rows } = await graph.pool.query(
      'SELECT password_hash, token_hash FROM users u JOIN sessions s ON s.user_id = u.id JOIN refresh_tokens t ON t.session_id = s.id WHERE email = $1',
      [email],
    );
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(rows[0].token_hash).toHaveLength(32);
    expect(JSON.stringify(rows)).not.toContain(refreshToken);
  });

  it('take a password however its letters are composed, also one that was stored as it was typed', async () => {
    const email = 'zoe@example.com';
    const [composed, decomposed] = ['Zo\u00eb juggles green otters', 'Zoe\u0308 juggles green otters'];
    expect(expectData(await registerAs({ email, password: composed })).register.__typename).toBe('AuthPayload');
    const logIn = async (password: string) =>
      expectData(await graph.run(LOGIN, { input: { email, password } })).login.__typename as string;
    for (const password of [composed, decomposed, decomposed.replace('otters', 'otter\uff53')])
      expect([password, await logIn(password)]).toEqual([password, 'AuthPayload']);

    const stored = await createPasswordHasher().hash(decomposed, new AbortController().signal);
    await graph.pool.query('UPDATE users SET password_hash = $1 WHERE email = $2', [stored, email]);
    expect(await logIn(decomposed)).toBe('AuthPayload');
    expect(await logIn(composed)).toBe('AuthPayload');
  });

  it('answer a wrong password and an unknown address alike', async () => {
    const { email } = await graph.register();
    const wrong = expectData(await graph.run(LOGIN, { input: { email, password: 'wrong password' } })).login;
    const unknown = expectData(
      await graph.run(LOGIN, { input: { email: 'nobody@example.com', password: 'wrong password' } }),
    ).login;
    const absurd = expectData(await graph.run(LOGIN, { input: { email, password: 'x'.repeat(100_000) } })).login;
    expect(wrong).toEqual({ __typename: 'InvalidCredentialsProblem', message: expect.any(String) });
    expect(unknown).toEqual(wrong);
    expect(absurd).toEqual(wrong);
  });

  it('show the address to its owner and to administrators only', async () => {
    const [ada, eve] = [await graph.register(), await graph.register()];
    const query = 'query($id: ID!) { user(id: $id) { id email displayName } }';
    const emailFor = async (token: string) =>
      expectData(await graph.run(query, { id: ada.user.id }, token)).user.email as string | null;
    expect(await emailFor(ada.accessToken)).toBe(ada.email);
    expect(await emailFor(eve.accessToken)).toBeNull();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [eve.user.id]);
    expect(await emailFor((await graph.login(eve.email)).accessToken)).toBe(ada.email);
    expectErrorCode(await graph.run(query, { id: ada.user.id }), 'UNAUTHENTICATED');
    for (const id of [randomUUID(), 'garbage'])
      expectErrorCode(await graph.run(query, { id }, eve.accessToken), 'NOT_FOUND');
  });

  it('are looked up for other services with one statement, however many', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => graph.register()));
    const representations = [...people.map(({ user }) => user.id), randomUUID(), 'garbage'].map((id) => ({
      __typename: 'User',
      id,
    }));
    const query =
      'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { id displayName email } } }';
    const { accessToken } = await graph.register();
    const { result, statements } = await countStatements(graph.pool, () =>
      graph.run(query, { representations }, accessToken),
    );
    expect(expectData(result)._entities).toEqual([
      ...people.map(({ user }) => ({ id: user.id, displayName: 'Somebody', email: null })),
      null,
      null,
    ]);
    // Those of mails to who has registered may still be under way.
    expect(statements.filter((text) => text.includes('"users"'))).toHaveLength(1);
  });

  it('may be kept by the gateway, as far as they are the same for everybody', async () => {
    const ada = await graph.register();
    const lookUp = (fields: string) =>
      graph.run(
        `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { ${fields} } } }`,
        { representations: [{ __typename: 'User', id: ada.user.id }] },
        ada.accessToken,
      );
    const header = async (result: Promise<GraphQLResult>) => {
      const { body, headers } = await result;
      expect(body.errors).toBeUndefined();
      return headers.get('cache-control');
    };
    expect(await header(lookUp('id displayName role createdAt'))).toBe('max-age=60, public');
    expect(await header(lookUp('displayName email'))).toBe('no-store');
    expect(await header(graph.run('{ me { displayName } }', {}, ada.accessToken))).toBe('no-store');
    expect(await header(graph.run(`{ user(id: "${ada.user.id}") { displayName } }`, {}, ada.accessToken))).toBe(
      'no-store',
    );
  });
});
