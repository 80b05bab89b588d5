import { afterEach, describe, expect, it } from '@jest/globals';
import { createMemoryStorage } from '../token-storage.js';
import { createSession, type SessionOptions } from './session.js';
import { isAboutToExpire, parseTokens, toTokens, type AuthPayloadLike } from './tokens.js';

const payload = (name: string, expiresIn = 900): AuthPayloadLike => ({
  accessToken: `${name} access`,
  refreshToken: `${name} refresh`,
  expiresIn,
  user: { id: 'ada' },
});

/** Tabs that share a storage, with a server that counts what it is asked. */
function tabs(count: number, exchange?: SessionOptions['exchange']) {
  const storage = createMemoryStorage();
  const exchanged: string[] = [];
  const serve: SessionOptions['exchange'] = async (refreshToken) => {
    exchanged.push(refreshToken);
    await new Promise((resolve) => setImmediate(resolve));
    return payload(`after ${refreshToken}`);
  };
  const sessions = Array.from({ length: count }, () =>
    createSession({ storage, key: 'session', exchange: exchange ?? serve }),
  );
  return { storage, exchanged, sessions: sessions as [(typeof sessions)[0], ...typeof sessions] };
}

describe('a session', () => {
  it('is nobody’s until somebody signs in, and is forgotten', async () => {
    const { sessions, storage } = tabs(1);
    const [session] = sessions;
    const heard: unknown[] = [];
    const stop = session.onChange((userId, before) => heard.push([userId, before]));
    expect([session.userId, await session.accessToken(), await session.replace('x')]).toEqual([null, null, null]);
    session.begin(payload('first'));
    expect([session.userId, await session.accessToken()]).toEqual(['ada', 'first access']);
    session.begin(payload('second'));
    session.forget();
    expect([session.userId, await session.accessToken(), storage.getItem('session')]).toEqual([null, null, null]);
    stop();
    session.begin(payload('third'));
    expect(heard).toEqual([
      ['ada', null],
      [null, 'ada'],
    ]);
  });

  it('is renewed once for many requests', async () => {
    const { sessions, exchanged } = tabs(1);
    sessions[0].begin(payload('old', 0));
    const tokens = await Promise.all(Array.from({ length: 50 }, () => sessions[0].accessToken()));
    expect(new Set(tokens)).toEqual(new Set(['after old refresh access']));
    expect(exchanged).toEqual(['old refresh']);
  });

  it('has a token that was refused replaced once, and one of before not at all', async () => {
    const { sessions, exchanged } = tabs(1);
    sessions[0].begin(payload('old'));
    const refused = Array.from({ length: 10 }, () => sessions[0].replace('old access'));
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['after old refresh access']));
    expect(await sessions[0].replace('old access')).toBe('after old refresh access');
    expect(exchanged).toHaveLength(1);
  });

  it('is over when its refresh token is refused, and goes on when nobody answers', async () => {
    const over = tabs(1, async () => null).sessions[0];
    over.begin(payload('old', 0));
    expect([await over.accessToken(), over.userId]).toEqual([null, null]);
    const down = tabs(1, () => Promise.reject(new Error('down'))).sessions[0];
    down.begin(payload('old', 0));
    await expect(down.accessToken()).rejects.toThrow('down');
    expect(down.userId).toBe('ada');
  });

  it('does not come back when somebody signs out while it is renewed', async () => {
    let answer: (payload: AuthPayloadLike) => void = () => undefined;
    const [session] = tabs(1, () => new Promise((resolve) => (answer = resolve))).sessions;
    session.begin(payload('old', 0));
    const renewed = session.accessToken();
    await new Promise((resolve) => setImmediate(resolve));
    session.forget();
    answer(payload('new'));
    expect([await renewed, session.userId]).toEqual([null, null]);
  });
});

describe('a session of two tabs', () => {
  const { navigator } = globalThis as { navigator?: object };
  const setNavigator = (value: object | undefined) =>
    Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
  afterEach(() => void setNavigator(navigator));

  it('is renewed by one of them, under a lock', async () => {
    setNavigator({ locks: createLocks() });
    const { sessions, exchanged } = tabs(2);
    sessions[0].begin(payload('old', 0));
    const tokens = await Promise.all(sessions.map((session) => session.accessToken()));
    expect(tokens).toEqual(['after old refresh access', 'after old refresh access']);
    expect(exchanged).toEqual(['old refresh']);
  });
});

/** Web Locks, as their specification has them, for one name. */
function createLocks() {
  let last: Promise<unknown> = Promise.resolve();
  let held = 0;
  return {
    async request(_name: string, { ifAvailable }: { ifAvailable: boolean }, work: (lock: object | null) => unknown) {
      if (ifAvailable && held > 0) return work(null);
      held += 1;
      const mine = last.then(() => work({})).finally(() => (held -= 1));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

describe('tokens', () => {
  it('are exchanged in their last half minute, or their last tenth', () => {
    const tokens = { ...toTokens(payload('a')), issuedAt: 0 };
    expect(isAboutToExpire({ ...tokens, expiresAt: 900_000 }, 869_999)).toBe(false);
    expect(isAboutToExpire({ ...tokens, expiresAt: 900_000 }, 870_000)).toBe(true);
    expect(isAboutToExpire({ ...tokens, expiresAt: 10_000 }, 8_999)).toBe(false);
    expect(isAboutToExpire({ ...tokens, expiresAt: 10_000 }, 9_000)).toBe(true);
  });

  it('are not read from what is no session', () => {
    for (const text of [null, '', 'null', '{', '[]', '{"accessToken":"a"}', '{"accessToken":1}'])
      expect(parseTokens(text)).toBeNull();
    const tokens = toTokens(payload('a'));
    expect(parseTokens(JSON.stringify(tokens))).toEqual(tokens);
  });
});
