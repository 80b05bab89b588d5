import type { TokenStorage } from '../token-storage.js';
import { createKept } from './kept.js';
import type { Session } from './session.js';

/** What the page knows of a session whose cookie no script sees. */
interface Known {
  readonly userId: string;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly begunAt: number;
}

export interface CookieSessionOptions {
  readonly storage: TokenStorage;
  /** The name under which it is kept; two graphs at one origin need two. */
  readonly key: string;
}

/**
 * Knows who is signed in by a cookie, which the browser sends and the gateway renews (docs/browser-sessions.md): the storage has the user's id, so that
 * all tabs know of it, and no token.
 */
export function createCookieSession({ storage, key }: CookieSessionOptions): Session {
  const kept = createKept({ storage, key, parse });
  return {
    isInCookie: true,
    get userId() {
      return kept.read()?.userId ?? null;
    },
    get begunAt() {
      return kept.read()?.begunAt ?? null;
    },
    accessToken: () => Promise.resolve(null),
    replace: () => Promise.resolve(null),
    begin: ({ user }) => kept.write({ userId: user.id, begunAt: Date.now() }),
    forget: () => kept.write(null),
    onChange: (listener) => kept.onChange(listener),
    close: () => kept.close(),
  };
}

function parse(text: string | null): Known | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<Known> | null;
    const isWhole = typeof value?.userId === 'string' && typeof value.begunAt === 'number';
    return isWhole ? (value as Known) : null;
  } catch {
    return null;
  }
}
