import type { TokenStorage } from '../token-storage.js';

export type SessionListener = (userId: string | null, before: string | null) => void;

/** What all tabs that share a storage see of a session. */
export interface Kept<Value extends { readonly userId: string }> {
  read(): Value | null;
  write(value: Value | null): void;
  /** Calls back when somebody signs in or out, in any tab; with the user's id, and the one before. */
  onChange(listener: SessionListener): () => void;
  /** Resolves when another tab has changed the session, or would have. */
  changedElsewhere(maxDelayMs: number): Promise<void>;
  close(): void;
}

/** What a page hears when another tab has changed `localStorage`. */
interface StorageEvents {
  addEventListener?(type: 'storage', listener: (event: { readonly key: string | null }) => void): void;
  removeEventListener?(type: 'storage', listener: (event: { readonly key: string | null }) => void): void;
}

export interface KeptOptions<Value> {
  readonly storage: TokenStorage;
  /** The name under which it is kept; two graphs at one origin need two. */
  readonly key: string;
  /** Null for text that holds no session: what is kept in a browser may have been changed there. */
  readonly parse: (text: string | null) => Value | null;
}

export function createKept<Value extends { readonly userId: string }>({
  storage,
  key,
  parse,
}: KeptOptions<Value>): Kept<Value> {
  const listeners = new Set<SessionListener>();
  const waiting = new Set<() => void>();
  const page = globalThis as StorageEvents;
  const read = () => parse(storage.getItem(key));
  let userId = read()?.userId ?? null;

  function notice(): void {
    const before = userId;
    userId = read()?.userId ?? null;
    if (userId !== before) for (const listener of listeners) listener(userId, before);
  }

  const onStorage = (event: { readonly key: string | null }) => {
    // Null is all of them.
    if (event.key !== null && event.key !== key) return;
    for (const done of waiting) done();
    notice();
  };
  page.addEventListener?.('storage', onStorage);

  return {
    read,
    write(value) {
      if (value) storage.setItem(key, JSON.stringify(value));
      else storage.removeItem(key);
      notice();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    changedElsewhere: (maxDelayMs) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, maxDelayMs);
        waiting.add(done);
      }),
    close: () => page.removeEventListener?.('storage', onStorage),
  };
}
