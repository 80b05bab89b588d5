import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { SessionTokens } from '@taskgraph/contracts';
import { createLog } from '@taskgraph/service-kit';
import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';
import type { Identify } from './identify.js';
import { createSessionCookies, type SessionCookies } from './session-cookies.js';

const SECRET = 'a'.repeat(43);
const tokens = (accessToken: string): SessionTokens => ({ accessToken, expiresIn: 900, sessionExpiresIn: 2_592_000 });

/** A clock, an auth that tells what it is asked, and a verifier that takes what it is told to. */
function rig({ isSecure = true } = {}) {
  const world = {
    nowMs: 1_000_000,
    asked: [] as string[],
    answer: (count: number): SessionTokens | null => tokens(`token-${count}`),
    refused: new Map<string, string>(),
  };
  const identify = (async (authorization: string | undefined): Promise<Identity> => {
    const problem = world.refused.get(authorization ?? '');
    if (problem !== undefined) return { kind: 'refused', problem };
    return { kind: 'accepted', viewer: { userId: 'ada', scopes: [] }, claims: { exp: 0 } };
  }) as unknown as Identify;
  const cookies: SessionCookies = createSessionCookies({
    isSecure,
    async exchange(hash) {
      world.asked.push(hash);
      const count = world.asked.length;
      await new Promise((resolve) => setImmediate(resolve));
      return world.answer(count);
    },
    identify,
    isForeign: ({ headers }) => headers.origin === 'https://evil.example',
    log: createLog({ service: 'gateway', level: 'silent' }),
    now: () => world.nowMs,
  });
  return { world, cookies };
}

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;

describe('sessions in cookies', () => {
  it('have their token asked for once by many at once, and once more when it is about to expire', async () => {
    const { world, cookies } = rig();
    const ask = () => Promise.all(Array.from({ length: 50 }, () => cookies.credentialsOf(SECRET)));
    for (const { authorization } of await ask()) expect(authorization).toBe('Bearer token-1');
    expect(world.asked).toHaveLength(1);
    world.nowMs += 860_000;
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-1' });
    world.nowMs += 11_000;
    for (const { authorization } of await ask()) expect(authorization).toBe('Bearer token-2');
    expect(world.asked).toHaveLength(2);
    // The secret is the browser's alone.
    expect(world.asked.join()).not.toContain(SECRET);
  });

  it('that have ended are nobody, and so is garbage; auth is asked once about the first, and never about the second', async () => {
    const { world, cookies } = rig({ isSecure: false });
    world.answer = () => null;
    // Nothing is said of the cookie: the browser may have another by the time that the answer comes.
    const nobody = { identity: { kind: 'refused', problem: 'SESSION_REVOKED' }, authorization: undefined };
    for (let again = 0; again < 3; again += 1) expect(await cookies.credentialsOf(SECRET)).toEqual(nobody);
    expect(world.asked).toHaveLength(1);
    world.nowMs += 61_000;
    expect(await cookies.credentialsOf(SECRET)).toEqual(nobody);
    expect(world.asked).toHaveLength(2);
    for (const garbage of ['', 'garbage', 'a'.repeat(44), 'a'.repeat(1_000_000), '\u0000'.repeat(43), `${SECRET};`])
      expect(await cookies.credentialsOf(garbage)).toEqual({
        identity: { kind: 'refused', problem: 'TOKEN_INVALID' },
        authorization: undefined,
      });
    expect(world.asked).toHaveLength(2);
  });

  it.each([1, 10_001])('that live are not pushed out by secrets that somebody makes up, %i at once', async (atOnce) => {
    const { world, cookies } = rig();
    await cookies.credentialsOf(SECRET);
    world.answer = () => null;
    for (let count = 0; count < 10_001; count += atOnce)
      await Promise.all(
        Array.from({ length: atOnce }, (_none, at) => cookies.credentialsOf(String(count + at).padStart(43, 'b'))),
      );
    const before = world.asked.length;
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-1' });
    expect(world.asked).toHaveLength(before);
  });

  it('are not forgotten while auth cannot answer', async () => {
    const { world, cookies } = rig();
    world.answer = () => {
      throw new Error('auth is down');
    };
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({
      identity: { kind: 'refused', problem: 'JWKS_UNAVAILABLE' },
    });
    world.answer = (count) => tokens(`token-${count}`);
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ identity: { kind: 'accepted' } });
  });

  it('go on with a token that is still good while auth cannot renew it, and ask again soon', async () => {
    const { world, cookies } = rig();
    await cookies.credentialsOf(SECRET);
    world.answer = () => {
      throw new Error('auth is down');
    };
    world.nowMs += 880_000;
    for (let again = 0; again < 2; again += 1)
      expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-1' });
    expect(world.asked).toHaveLength(2);
    world.nowMs += 5_000;
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-1' });
    expect(world.asked).toHaveLength(3);
    world.nowMs += 16_000;
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({
      identity: { kind: 'refused', problem: 'JWKS_UNAVAILABLE' },
    });
    world.answer = (count) => tokens(`token-${count}`);
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-5' });
  });

  it('are not forgotten for a token that only this gateway refuses: its clock may be wrong', async () => {
    const { world, cookies } = rig();
    for (const count of [1, 2, 3]) world.refused.set(`Bearer token-${count}`, 'TOKEN_INVALID');
    for (let again = 0; again < 3; again += 1)
      expect(await cookies.credentialsOf(SECRET)).toMatchObject({
        identity: { kind: 'refused', problem: 'TOKEN_INVALID' },
      });
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-4' });
  });

  it('get another token for one that is refused, and only one', async () => {
    const { world, cookies } = rig();
    await cookies.credentialsOf(SECRET);
    world.refused.set('Bearer token-1', 'TOKEN_INVALID');
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ authorization: 'Bearer token-2' });
    world.refused.set('Bearer token-2', 'SESSION_REVOKED').set('Bearer token-3', 'SESSION_REVOKED');
    expect(await cookies.credentialsOf(SECRET)).toMatchObject({ identity: { kind: 'refused' } });
    expect(world.asked).toHaveLength(3);
  });

  it('are found among other cookies, and not by pages of other sites', () => {
    const { cookies } = rig();
    const find = (headers: Record<string, string>) => cookies.find(request(headers));
    const cookie = `theme=dark; __Host-taskgraph-session=${SECRET}; other=1`;
    expect(find({ cookie })).toBe(SECRET);
    expect(find({ cookie: `taskgraph-session=${SECRET}; x__Host-taskgraph-session=${SECRET}` })).toBeNull();
    expect(find({ cookie, origin: 'https://evil.example' })).toBeNull();
    expect(find({})).toBeNull();
  });

  it('are opened under a new secret, for pages that say so, and cleared when they have ended', async () => {
    const { world, cookies } = rig();
    expect(cookies.wishOf(request({}))).toBeNull();
    expect(cookies.wishOf(request({ 'taskgraph-session': 'cookie', origin: 'https://evil.example' }))).toBeNull();

    const login = cookies.wishOf(request({ 'taskgraph-session': 'cookie' }));
    expect(login?.cookieHash).toMatch(/^[\w-]{43}$/);
    const set = await login?.settle();
    expect(set).toMatch(
      /^__Host-taskgraph-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=34560000$/,
    );
    expect(set).not.toContain(login?.cookieHash);

    world.answer = () => null;
    const cookie = `__Host-taskgraph-session=${SECRET}`;
    const logout = cookies.wishOf(request({ 'taskgraph-session': 'cookie', cookie }));
    expect(logout?.cookieHash).not.toBe(login?.cookieHash);
    expect(await logout?.settle()).toMatch(/^__Host-taskgraph-session=; .*Max-Age=0$/);
    const failed = cookies.wishOf(request({ 'taskgraph-session': 'cookie' }));
    expect(await failed?.settle()).toBeNull();

    // Of what has told auth nothing, auth is not asked.
    const before = world.asked.length;
    expect(await cookies.wishOf(request({ 'taskgraph-session': 'cookie', cookie }))?.settle()).toBeNull();
    expect(world.asked).toHaveLength(before);
  });
});
