/** Where a session is kept: what `localStorage` and `sessionStorage` have. */
export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps a session as long as the page, or the process, lives: no script finds it later, and no other tab shares it. */
export function createMemoryStorage(): TokenStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** `localStorage` where there is one, so that tabs share a session and it outlives them; memory elsewhere. */
export function defaultStorage(): TokenStorage {
  try {
    const { localStorage } = globalThis as { localStorage?: TokenStorage };
    return localStorage ?? createMemoryStorage();
  } catch {
    // A page that may keep nothing is told so by an exception.
    return createMemoryStorage();
  }
}
