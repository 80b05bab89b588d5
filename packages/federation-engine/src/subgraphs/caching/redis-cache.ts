import { Redis } from 'ioredis';
import type { Log } from '../../request/log.js';
import { asTrusted } from './trusted-caches.js';
import { CACHE_TIMEOUT_MS } from './bounded-cache.js';
import type { Cache } from './cache.js';
import { isCacheValue, type CacheValue } from './stored.js';
import { hashKey } from './cache-keys.js';

const RECONNECT_MS = 1_000;

export interface RedisCacheOptions {
  readonly url: string;
  readonly prefix: string;
  readonly log: Log;
  /** Gets the connection, to watch it. */
  readonly onClient?: (client: Redis) => void;
}

/** A cache in Redis, shared by all processes that name the same `prefix`. A reader of it learns from no key what was asked, or by whom. */
export function createRedisCache({ url, prefix, log, onClient }: RedisCacheOptions): Cache {
  const redis = new Redis(url, {
    keyPrefix: prefix,
    commandTimeout: CACHE_TIMEOUT_MS,
    // Commands while it is away are misses at once, and are not kept for later.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => RECONNECT_MS,
    disconnectTimeout: 100,
  });
  onClient?.(redis);
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
  return asTrusted({
    async getMany(keys) {
      if (keys.length === 0) return [];
      if (redis.status !== 'ready') return keys.map(() => undefined);
      try {
        return (await redis.mget(keys.map(toRedisKey))).map(readValue);
      } catch (error) {
        away(error);
        return keys.map(() => undefined);
      }
    },
    async setMany(entries) {
      if (entries.length === 0 || redis.status !== 'ready') return;
      const pipeline = redis.pipeline();
      for (const { key, value, ttlMs } of entries)
        pipeline.set(toRedisKey(key), JSON.stringify(value), 'PX', Math.max(1, Math.round(ttlMs)));
      await pipeline.exec().catch(away);
    },
    async claim(keys, ttlMs) {
      if (keys.length === 0 || redis.status !== 'ready') return keys.map(() => true);
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.set(toRedisKey(key), '1', 'PX', Math.max(1, Math.round(ttlMs)), 'NX');
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
      await redis.del(...keys.map(toRedisKey)).catch(away);
    },
    async ping() {
      await redis.ping();
    },
    async close() {
      redis.disconnect();
    },
  });
}

/** Of one length, whatever clients send. */
const toRedisKey = (key: string): string => hashKey(key);

/** What is no JSON, or another one, was written by somebody else, and is none of ours. */
function readValue(text: string | null): CacheValue | undefined {
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isCacheValue(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
