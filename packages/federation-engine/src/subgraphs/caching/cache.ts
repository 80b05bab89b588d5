import { LRUCache } from 'lru-cache';

export interface CacheEntry {
  readonly key: string;
  readonly value: string;
  readonly ttlMs: number;
}

/**
 * Keeps texts for a while. It is a help, never the truth: when it cannot be reached, everything is a miss and nothing
 * fails.
 */
export interface Cache {
  /** Values in the order of the keys; undefined for a miss. */
  getMany(keys: readonly string[]): Promise<ReadonlyArray<string | undefined>>;
  setMany(entries: readonly CacheEntry[]): Promise<void>;
  /**
   * Claims keys for a moment, so that of several processes one does a work; tells of each key whether it is the caller's
   * now. Where nobody else is, or the cache cannot be reached, everything is granted.
   */
  claim(keys: readonly string[], ttlMs: number): Promise<readonly boolean[]>;
  /** Forgets values, or gives claims back. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /** @throws when it cannot be reached */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A cache in this process, bounded by the bytes of its texts. */
export function createMemoryCache({ maxBytes }: { maxBytes: number }): Cache {
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    sizeCalculation: (value, key) => 2 * (value.length + key.length) + 200,
  });
  return {
    async getMany(keys) {
      return keys.map((key) => texts.get(key));
    },
    async setMany(entries) {
      for (const { key, value, ttlMs } of entries) texts.set(key, value, { ttl: ttlMs });
    },
    // One process settles by itself who does what.
    claim: async (keys) => keys.map(() => true),
    async deleteMany(keys) {
      for (const key of keys) texts.delete(key);
    },
    async ping() {},
    async close() {
      texts.clear();
    },
  };
}
