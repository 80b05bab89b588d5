import type { TokenStorage } from '../token-storage.js';
import { createKept, type SessionListener } from './kept.js';
import { isAboutToExpire, parseTokens, toTokens, type AuthPayloadLike, type Tokens } from './tokens.js';

/** Somebody's session, shared by all tabs that keep it in the same storage. */
export interface Session {
  /** Whether the browser has the session, in a cookie, and there are no tokens. */
  readonly isInCookie: boolean;
  /** The user who is signed in; null for nobody. */
  readonly userId: string | null;
  /** Milliseconds since 1970 when the tokens, or the cookie, were handed out; null for nobody. */
  readonly begunAt: number | null;
  /** A token that is good for a while: exchanged for a new one first where it is about to expire. Null for nobody. */
  accessToken(): Promise<string | null>;
  /** A token in the place of one that was refused; null where the session is over. */
  replace(refused: string): Promise<string | null>;
  /** Begins a session with what a sign-in has answered. The client does that by itself for operations that it sends. */
  begin(payload: AuthPayloadLike): void;
  /** Forgets the session, here and in other tabs. `logout` ends it at the server, too. */
  forget(): void;
  /** Calls back when somebody signs in or out, in any tab; with the user's id, and the one before. */
  readonly onChange: (listener: SessionListener) => () => void;
  close(): void;
}

export interface SessionOptions {
  readonly storage: TokenStorage;
  /** The name under which it is kept; two graphs at one origin need two. */
  readonly key: string;
  /**
   * Sends a refresh token. Null when it is refused.
   *
   * @throws when there is no answer
   */
  readonly exchange: (refreshToken: string) => Promise<AuthPayloadLike | null>;
}

/** Web Locks, as far as they are used: browsers have them in secure contexts, Node from 24. */
interface LockManager {
  request<Value>(
    name: string,
    options: { readonly ifAvailable: boolean },
    work: (lock: object | null) => Promise<Value>,
  ): Promise<Value>;
}

/** Milliseconds within which a tab sees what another has stored: browsers pass it on in their own time. */
const MAX_DELAY_MS = 1_000;

/**
 * Keeps a session in a storage and renews it.
 *
 * However many requests, and tabs, find their token expired, one exchanges it: requests wait for the same promise, tabs for the same
 * lock, and the holder of the lock looks first whether another has been there before. Without Web Locks two tabs may exchange the
 * same token at the same time; the server gives both the same pair for a few seconds.
 */
export function createSession({ storage, key, exchange }: SessionOptions): Session {
  const kept = createKept({ storage, key, parse: parseTokens });
  const read = () => kept.read();
  const write = (tokens: Tokens | null) => kept.write(tokens);
  let underWay: Promise<Tokens | null> | null = null;

  async function renew(stale: Tokens, hasWaited: boolean): Promise<Tokens | null> {
    if (hasWaited && read()?.accessToken === stale.accessToken) await kept.changedElsewhere(MAX_DELAY_MS);
    const current = read();
    // Another tab was faster, or has signed somebody else in or out.
    if (current?.accessToken !== stale.accessToken) return current;
    const payload = await exchange(current.refreshToken);
    // A user who signs in or out meanwhile has the last word.
    if (read()?.refreshToken !== current.refreshToken) return read();
    write(payload && toTokens(payload));
    return read();
  }

  function renewOnce(stale: Tokens): Promise<Tokens | null> {
    underWay ??= exclusively(`${key}.refresh`, (hasWaited) => renew(stale, hasWaited)).finally(() => (underWay = null));
    return underWay;
  }

  return {
    isInCookie: false,
    get userId() {
      return read()?.userId ?? null;
    },
    get begunAt() {
      return read()?.issuedAt ?? null;
    },
    async accessToken() {
      const tokens = read();
      if (!tokens || !isAboutToExpire(tokens)) return tokens?.accessToken ?? null;
      try {
        return (await renewOnce(tokens))?.accessToken ?? null;
      } catch (error) {
        // Nobody answers just now: what is still good for some seconds may do.
        if (Date.now() < tokens.expiresAt) return tokens.accessToken;
        throw error;
      }
    },
    async replace(refused) {
      const tokens = read();
      if (!tokens || tokens.accessToken !== refused) return tokens?.accessToken ?? null;
      return (await renewOnce(tokens))?.accessToken ?? null;
    },
    begin: (payload) => write(toTokens(payload)),
    forget: () => write(null),
    onChange: (listener) => kept.onChange(listener),
    close: () => kept.close(),
  };
}

/** One after the other, in all tabs; says whether another had to be waited for. */
async function exclusively<Value>(name: string, work: (hasWaited: boolean) => Promise<Value>): Promise<Value> {
  const { locks } = (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {};
  if (!locks) return work(false);
  const atOnce = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { value: await work(false) } : null,
  );
  return atOnce ? atOnce.value : locks.request(name, { ifAvailable: false }, () => work(true));
}
