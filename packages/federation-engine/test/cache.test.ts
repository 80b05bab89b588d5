import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasRedisServer, startRedisServer, type RedisServer } from '@taskgraph/testkit';
import { SILENT as log } from '../src/request/log.js';
import { createMemoryCache, type Cache } from '../src/subgraphs/caching/cache.js';
import { createRedisCache } from '../src/subgraphs/caching/redis-cache.js';

/** What every cache does. */
function behavesAsCache(open: () => Promise<Cache>) {
  let cache: Cache;
  beforeAll(async () => {
    cache = await open();
  });
  afterAll(async () => {
    await cache.close();
  });

  it('gives back what it was given, in the order of the keys', async () => {
    await cache.setMany([
      { key: 'a', value: '1', ttlMs: 60_000 },
      { key: 'b', value: '{"text":"snow \u2603"}', ttlMs: 60_000 },
    ]);
    expect(await cache.getMany(['b', 'missing', 'a'])).toEqual(['{"text":"snow \u2603"}', undefined, '1']);
    expect(await cache.getMany([])).toEqual([]);
  });

  it('replaces values, and forgets them when their time is up', async () => {
    await cache.setMany([{ key: 'c', value: 'old', ttlMs: 60_000 }]);
    await cache.setMany([{ key: 'c', value: 'new', ttlMs: 60_000 }]);
    expect(await cache.getMany(['c'])).toEqual(['new']);
    await cache.setMany([{ key: 'c', value: 'short', ttlMs: 30 }]);
    while ((await cache.getMany(['c']))[0] !== undefined) await delay(5);
  });

  it('forgets what it is told to forget', async () => {
    await cache.setMany(['d', 'e'].map((key) => ({ key, value: key, ttlMs: 60_000 })));
    await cache.deleteMany(['d', 'never there']);
    await cache.deleteMany([]);
    expect(await cache.getMany(['d', 'e'])).toEqual([undefined, 'e']);
  });

  it('grants claims to who asks alone', async () => {
    expect(await cache.claim([], 60_000)).toEqual([]);
    expect(await cache.claim(['claim:a', 'claim:b'], 60_000)).toEqual([true, true]);
  });

  it('answers when it is asked whether it is there', async () => {
    await cache.ping();
  });
}

describe('a cache in this process', () => {
  behavesAsCache(async () => createMemoryCache({ maxBytes: 1_000_000 }));

  it('stays within its bound', async () => {
    const cache = createMemoryCache({ maxBytes: 10_000 });
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    await cache.setMany(keys.map((key) => ({ key, value: 'x'.repeat(200), ttlMs: 60_000 })));
    const kept = (await cache.getMany(keys)).filter((value) => value !== undefined);
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(20);
  });
});

(hasRedisServer() ? describe : describe.skip)('a cache in Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  async function open(prefix: string): Promise<Cache> {
    const cache = createRedisCache({ url: redis.url, prefix, log });
    for (;;) {
      const isReady = await cache.ping().then(
        () => true,
        () => false,
      );
      if (isReady) return cache;
      await delay(10);
    }
  }

  behavesAsCache(() => open('one:'));

  it('is shared by who names the same prefix, and by nobody else', async () => {
    const [first, second, other] = await Promise.all([open('same:'), open('same:'), open('other:')]);
    await first.setMany([{ key: 'k', value: 'v', ttlMs: 60_000 }]);
    expect(await second.getMany(['k'])).toEqual(['v']);
    expect(await other.getMany(['k'])).toEqual([undefined]);
    await Promise.all([first.close(), second.close(), other.close()]);
  });

  it('grants a claim to one of many, until it is given back or its time is up', async () => {
    const caches = await Promise.all(Array.from({ length: 4 }, () => open('claims:')));
    const [first, second] = caches as [Cache, Cache];
    const granted = await Promise.all(caches.map((cache) => cache.claim(['k'], 60_000)));
    expect(granted.flat().filter(Boolean)).toHaveLength(1);
    expect(await second.claim(['k', 'other'], 60_000)).toEqual([false, true]);
    await first.deleteMany(['k']);
    expect(await second.claim(['k'], 30)).toEqual([true]);
    while ((await first.claim(['k'], 60_000))[0] !== true);
    await Promise.all(caches.map((cache) => cache.close()));
  });

  it('misses while Redis is away, fails nothing, and works again when it is back', async () => {
    const cache = await open('away:');
    await cache.setMany([{ key: 'k', value: 'v', ttlMs: 60_000 }]);
    await redis.stop();
    expect(await cache.getMany(['k'])).toEqual([undefined]);
    await cache.setMany([{ key: 'k', value: 'v', ttlMs: 60_000 }]);
    expect(await cache.claim(['a', 'b'], 1_000)).toEqual([true, true]);
    await cache.deleteMany(['k']);
    await expect(cache.ping()).rejects.toThrow();
    await redis.start();
    for (;;) {
      await cache.setMany([{ key: 'k', value: 'again', ttlMs: 60_000 }]);
      if ((await cache.getMany(['k']))[0] === 'again') break;
      await delay(50);
    }
    await cache.close();
  });
});
