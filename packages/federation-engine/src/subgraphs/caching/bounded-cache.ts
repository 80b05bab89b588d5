import type { CancelSignal } from '../../request/cancellation.js';
import type { Log } from '../../request/log.js';
import type { Cache, CacheEntry } from './cache.js';
import { isClaimKey } from './cache-keys.js';
import { isTrusted } from './trusted-caches.js';
import { hasObjectText, isCacheValue, type CacheValue } from './stored.js';

/** A cache of which each call ends: in its own time, or with `signal`. None of them throws. */
export interface BoundedCache {
  getMany(keys: readonly string[], signal?: CancelSignal): Promise<ReadonlyArray<CacheValue | undefined>>;
  setMany(entries: readonly CacheEntry[], signal?: CancelSignal): Promise<void>;
  claim(keys: readonly string[], ttlMs: number, signal?: CancelSignal): Promise<readonly boolean[]>;
  deleteMany(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** How long a cache may take to answer: one that is slower than its source is none. */
export const CACHE_TIMEOUT_MS = 250;
/** How long one that has not answered is not waited for. */
const AWAY_MS = 1_000;
/** To end its connections. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Makes a host's cache what the engine takes a cache for: a help, and never the truth. What it does not answer in time, throws or answers
 * otherwise than it should is a miss, and a claim that is granted; the log tells when that begins and when it is over.
 *
 * After a call that was not answered, the cache is not asked for a moment: what is written, and told to be forgotten, still goes to it, and
 * is not waited for.
 */
export function boundCache(cache: Cache, log: Log): BoundedCache {
  if (isTrusted(cache)) return cache;
  /** Of its methods, those whose last call has failed: one that reads and does not write is not back each time it has read. */
  const failing = new Set<Method>();
  let awayUntil = -Infinity;

  function failed(method: Method, error: unknown): void {
    if (failing.size === 0) log.warn({ err: error, method }, 'the cache fails; everything is a miss until it is back');
    failing.add(method);
  }

  function answered(method: Method): void {
    if (failing.delete(method) && failing.size === 0) log.info('the cache is back');
  }

  const isSpared = () => performance.now() < awayUntil;

  /** What a call comes to, or the fallback. */
  async function within<Answer>(
    method: Method,
    call: () => Answer | Promise<Answer>,
    fallback: Answer,
    signal?: CancelSignal,
    timeoutMs: number = CACHE_TIMEOUT_MS,
  ): Promise<Answer> {
    let end: () => void = () => undefined;
    const over = new Promise<typeof OVER>((resolve) => {
      const onAbort = () => resolve(OVER);
      const timer = setTimeout(() => {
        awayUntil = performance.now() + AWAY_MS;
        failed(method, new Error(`The cache has not answered within ${timeoutMs} ms.`));
        resolve(OVER);
      }, timeoutMs);
      if (signal?.aborted) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
    });
    // Whatever it comes to later is heard, and is nobody's any more.
    const called = (async () => call())().then(
      (answer) => ({ answer }),
      (error: unknown) => {
        failed(method, error);
        return OVER;
      },
    );
    const outcome = await Promise.race([called, over]);
    end();
    if (!('answer' in outcome)) return fallback;
    // What is read is looked at first.
    if (method !== 'getMany') answered(method);
    return outcome.answer;
  }

  /** Sends something, and waits for it while the cache answers. */
  async function write(method: Method, call: () => Promise<void>, signal?: CancelSignal): Promise<void> {
    const sent = within(method, call, undefined, signal);
    if (!isSpared()) await sent;
  }

  return {
    async getMany(keys, signal) {
      const misses = keys.map(() => undefined);
      if (keys.length === 0 || isSpared()) return misses;
      const values: unknown = await within<unknown>('getMany', () => cache.getMany(keys), null, signal);
      // It has failed, which is told.
      if (values === null && failing.has('getMany')) return misses;
      try {
        return readValues(values, keys) ?? misses;
      } catch (error) {
        // A value of a host's own class may fail when it is read.
        failed('getMany', error);
        return misses;
      }
    },
    async setMany(entries, signal) {
      if (entries.length > 0) await write('setMany', () => cache.setMany(entries), signal);
    },
    async claim(keys, ttlMs, signal) {
      if (keys.length === 0) return [];
      const granted = isSpared() ? null : await within<unknown>('claim', () => cache.claim(keys, ttlMs), null, signal);
      // Somebody else's only when it says so.
      return keys.map((_key, index) => !Array.isArray(granted) || granted[index] !== false);
    },
    async deleteMany(keys) {
      if (keys.length > 0) await write('deleteMany', () => cache.deleteMany(keys));
    },
    close: () => within('close', () => cache.close(), undefined, undefined, CLOSE_TIMEOUT_MS),
  };

  /** What is no value is a miss, and told; null, as many caches say it, is a miss like undefined. */
  function readValues(values: unknown, keys: readonly string[]): Array<CacheValue | undefined> | null {
    if (!Array.isArray(values) || values.length !== keys.length) {
      failed('getMany', new TypeError(`\`cache.getMany\` has not answered with a list of ${keys.length} values.`));
      return null;
    }
    const read: Array<CacheValue | undefined> = [];
    let isRight = true;
    for (const [index, key] of keys.entries()) {
      const value: unknown = values[index];
      let kept: CacheValue | undefined;
      if (value !== undefined && value !== null) {
        if (isClaimKey(key)) kept = 'claimed';
        else if (isCacheValue(value) && hasObjectText(value)) kept = value;
        else isRight = false;
      }
      read.push(kept);
    }
    if (isRight) answered('getMany');
    else failed('getMany', new TypeError('`cache.getMany` has answered with values that it was not given.'));
    return read;
  }
}

type Method = 'getMany' | 'setMany' | 'claim' | 'deleteMany' | 'close';

const OVER = {} as const;
