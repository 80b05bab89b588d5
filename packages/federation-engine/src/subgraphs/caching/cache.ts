import { LRUCache } from 'lru-cache';
import { asTrusted } from './trusted-caches.js';
import type { CacheValue } from './stored.js';

export interface CacheEntry {
  /** Of any length, and with what clients have sent in it: a cache that others read keeps it as a hash. */
  readonly key: string;
  readonly value: CacheValue;
  readonly ttlMs: number;
}

/**
 * Keeps values for a while. It is a help, never the truth: when it cannot be reached, everything is a miss and nothing
 * fails. What a host's own throws, answers otherwise than it should or does not answer in time is taken for that.
 */
export interface Cache {
  /** Values in the order of the keys; undefined for a miss. */
  getMany(keys: readonly string[]): Promise<ReadonlyArray<CacheValue | undefined>>;
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

/** Of an entry beside its texts. */
const ENTRY_BYTES = 300;

/** A cache in this process, bounded by the bytes of its texts. It keeps values as they are. */
export function createMemoryCache({ maxBytes }: { maxBytes: number }): Cache {
  const values = new LRUCache<string, CacheValue>({
    maxSize: maxBytes,
    sizeCalculation: (value, key) => 2 * (lengthOf(value) + key.length) + ENTRY_BYTES,
  });
  return asTrusted({
    async getMany(keys) {
      return keys.map((key) => values.get(key));
    },
    async setMany(entries) {
      for (const { key, value, ttlMs } of entries) values.set(key, value, { ttl: ttlMs });
    },
    // One process settles by itself which caller does what.
    claim: async (keys) => keys.map(() => true),
    async deleteMany(keys) {
      for (const key of keys) values.delete(key);
    },
    async ping() {},
    async close() {
      values.clear();
    },
  });
}

function lengthOf(value: CacheValue): number {
  if (typeof value === 'number') return 0;
  return typeof value === 'string' ? value.length : value.text.length;
}
