import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import type { Log } from './log.js';

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

/** How long a lookup may take before it counts as a miss: a cache that is slower than its source is none. */
const COMMAND_TIMEOUT_MS = 250;
const RECONNECT_MS = 1_000;

/** A cache in Redis, shared by all processes that name the same `prefix`. */
export function createRedisCache({ url, prefix, log }: { url: string; prefix: string; log: Log }): Cache {
  const redis = new Redis(url, {
    keyPrefix: prefix,
    commandTimeout: COMMAND_TIMEOUT_MS,
    // Commands while it is away are misses at once, and are not kept for later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => RECONNECT_MS,
    disconnectTimeout: 100,
  });
  let isAway = false;
  const away = (error: unknown) => {
    if (!isAway) log.warn({ err: error }, 'the cache cannot be reached; everything is a miss until it is back');
    isAway = true;
  };
  redis.on('error', away);
  redis.on('ready', () => {
    if (isAway) log.info('the cache is back');
    isAway = false;
  });
  return {
    async getMany(keys) {
      if (keys.length === 0) return [];
      if (redis.status !== 'ready') return keys.map(() => undefined);
      try {
        return (await redis.mget([...keys])).map((value) => value ?? undefined);
      } catch (error) {
        away(error);
        return keys.map(() => undefined);
      }
    },
    async setMany(entries) {
      if (entries.length === 0 || redis.status !== 'ready') return;
      const pipeline = redis.pipeline();
      for (const { key, value, ttlMs } of entries) pipeline.set(key, value, 'PX', Math.max(1, Math.round(ttlMs)));
      await pipeline.exec().catch(away);
    },
    async claim(keys, ttlMs) {
      if (keys.length === 0 || redis.status !== 'ready') return keys.map(() => true);
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.set(key, '1', 'PX', Math.max(1, Math.round(ttlMs)), 'NX');
      try {
        const replies = (await pipeline.exec()) ?? [];
        // Somebody else's only when Redis says so: null is its answer to a key that is there.
        return keys.map((_, index) => {
          const [error, reply] = replies[index] ?? [];
          return Boolean(error) || reply !== null;
        });
      } catch (error) {
        away(error);
        return keys.map(() => true);
      }
    },
    async deleteMany(keys) {
      if (keys.length === 0 || redis.status !== 'ready') return;
      await redis.del(...keys).catch(away);
    },
    async ping() {
      await redis.ping();
    },
    async close() {
      redis.disconnect();
    },
  };
}
