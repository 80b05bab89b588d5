import { RateLimiterRedis, type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Redis } from 'ioredis';
import { BoundedCounters, BoundedMemoryLimiter } from './bounded-counters.js';
import { toPolicy } from './rate-limit-headers.js';
import type { Rate, Standing } from './rate.js';

/** One limit on many keys, such as the addresses of clients. */
export interface RateLimiter {
  readonly name: string;
  readonly rate: Rate;
  /**
   * Counts in this process and answers at once. What is counted goes to Redis some moments later, together with all else, and what
   * other processes have counted comes back: all of them together let through a little more than the quota, and no request waits.
   */
  count(key: string, points?: number): Standing;
  /** How somebody stands, as far as this process knows. */
  look(key: string): Standing;
  /** Counts where all processes count, before it answers: for what is worth the way there. In this process while Redis is away. */
  consume(key: string, points?: number): Promise<Standing>;
  /** Tells Redis what was counted since the last time. */
  flush(): Promise<void>;
  /** Keys that are counted in this process. */
  size(): number;
}

interface RateLimiterOptions {
  readonly name: string;
  readonly rate: Rate;
  /** Shared by all processes with the same limits; null for each on its own. */
  readonly redis: Redis | null;
  readonly maxKeys?: number;
  readonly now?: () => number;
}

/** About 20 MB when all are in use. */
const MAX_KEYS = 100_000;
const PREFIX = 'taskgraph:rate:';

/** Creates a limit with windows that begin with the first count. */
export function createRateLimiter({
  name,
  rate,
  redis,
  maxKeys = MAX_KEYS,
  now = Date.now,
}: RateLimiterOptions): RateLimiter {
  const { quota, windowSeconds } = rate;
  const counters = new BoundedCounters(maxKeys, now);
  const policy = toPolicy(name, rate);
  const common = { points: quota, duration: windowSeconds };
  // Its counters are its own: a key with a prefix would be put together, and hashed, for each look-up.
  const own = new BoundedMemoryLimiter({ ...common, keyPrefix: '' }, counters);
  const together = { ...common, keyPrefix: PREFIX + name, storeClient: redis, rejectIfRedisNotReady: true };
  const shared = redis && new RateLimiterRedis(together);
  const insured: RateLimiterAbstract = redis ? new RateLimiterRedis({ ...together, insuranceLimiter: own }) : own;
  /** What Redis has not been told. */
  let untold = new Map<string, number>();

  function toStanding({ consumedPoints, msBeforeNext }: RateLimiterRes): Standing {
    return {
      limit: name,
      policy,
      isOver: consumedPoints > quota,
      remaining: Math.max(0, quota - consumedPoints),
      resetSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)),
    };
  }

  async function tell(key: string, points: number): Promise<void> {
    if (!shared) return;
    const before = counters.get(key)?.consumedPoints ?? 0;
    const { consumedPoints, msBeforeNext } = await shared.penalty(key, points);
    const since = (counters.get(key)?.consumedPoints ?? 0) - before;
    counters.setUntil(key, consumedPoints + Math.max(0, since), now() + msBeforeNext);
  }

  return {
    name,
    rate,
    count(key, points = 1) {
      // What is refused is counted by nobody: it would only make work, and the window ends when it ends.
      const { isCounted, result } = counters.count(key, points, windowSeconds, quota);
      if (isCounted && shared) untold.set(key, (untold.get(key) ?? 0) + points);
      return toStanding(result);
    },
    look: (key) => toStanding(counters.get(key) ?? new RateLimiterRes(quota, windowSeconds * 1000, 0)),
    async consume(key, points = 1) {
      try {
        return toStanding(await insured.consume(key, points));
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return { ...toStanding(refused), isOver: true };
        throw refused;
      }
    },
    async flush() {
      const telling = untold;
      untold = new Map();
      // Without Redis what this process has counted is all that is known, and goes on to count.
      await Promise.all([...telling].map(([key, points]) => tell(key, points).catch(() => undefined)));
    },
    size: () => counters.size,
  };
}
