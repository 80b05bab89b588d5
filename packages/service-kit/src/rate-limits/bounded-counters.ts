import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

interface Counter {
  value: number;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** How a counter stands, and whether it was added to. */
interface Counted {
  readonly isCounted: boolean;
  readonly result: RateLimiterRes;
}

/**
 * Counters of one process, each of a window that begins with the first count. There are at most `maxKeys`: beyond that those are
 * forgotten that were counted longest ago, so a million addresses cost no more memory than that many, and no timer.
 */
export class BoundedCounters {
  readonly #counters: LRUCache<string, Counter>;
  readonly #now: () => number;

  constructor(maxKeys: number, now: () => number = Date.now) {
    // By size: for a number of entries the cache takes all its memory at once, which costs each start of a process half a second.
    this.#counters = new LRUCache({ maxSize: maxKeys, sizeCalculation: () => 1 });
    this.#now = now;
  }

  get size(): number {
    return this.#counters.size;
  }

  /** As {@link incrby}, by one look-up; where more than `most` is counted already, it stays as it is. */
  count(key: string, value: number, windowSeconds: number, most: number): Counted {
    const now = this.#now();
    const known = this.#counters.get(key);
    if (!known || known.expiresAt <= now) return { isCounted: true, result: this.set(key, value, windowSeconds) };
    const isCounted = known.value <= most;
    if (isCounted) known.value += value;
    return { isCounted, result: new RateLimiterRes(0, known.expiresAt - now, known.value, false) };
  }

  /** Adds to a counter, which begins at 0 when it is new or its window is over. */
  incrby(key: string, value: number, windowSeconds: number): RateLimiterRes {
    const now = this.#now();
    const known = this.#counters.get(key);
    if (!known || known.expiresAt <= now) return this.set(key, value, windowSeconds);
    known.value = Math.max(0, known.value + value);
    return new RateLimiterRes(0, known.expiresAt - now, known.value, false);
  }

  set(key: string, value: number, windowSeconds: number): RateLimiterRes {
    this.setUntil(key, value, this.#now() + windowSeconds * 1000);
    return new RateLimiterRes(0, windowSeconds * 1000, Math.max(0, value), true);
  }

  setUntil(key: string, value: number, expiresAt: number): void {
    this.#counters.set(key, { value: Math.max(0, value), expiresAt });
  }

  /** Null when nothing is counted. */
  get(key: string): RateLimiterRes | null {
    const known = this.#counters.get(key);
    const now = this.#now();
    if (!known || known.expiresAt <= now) return null;
    return new RateLimiterRes(0, known.expiresAt - now, known.value, false);
  }

  delete(key: string): boolean {
    return this.#counters.delete(key);
  }
}

/** The library's limiter in memory, on counters that are bounded: its own keeps each key and a timer until the window is over. */
export class BoundedMemoryLimiter extends RateLimiterMemory {
  constructor(options: ConstructorParameters<typeof RateLimiterMemory>[0], counters: BoundedCounters) {
    super(options);
    Object.assign(this, { _memoryStorage: counters });
  }
}
