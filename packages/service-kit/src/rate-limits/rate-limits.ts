import { connectRedis } from '../connect-redis.js';
import { timeRedis } from '../time-redis.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { createRateLimiter, type RateLimiter } from './rate-limiter.js';
import type { Rate } from './rate.js';

interface RateLimitsOptions {
  /** Where processes count together; each counts for itself without. */
  readonly redisUrl: string | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** All limits of one process. */
export interface RateLimits {
  /** Creates one; null where its rate is off. Names are labels and parts of keys: each is used once. */
  create(name: string, rate: Rate | null): RateLimiter | null;
  /** Says that somebody was refused, by the limit of that name; before anything is known of a request, by the count alone. */
  refused(limit: string, log?: Pick<Log, 'info'>): void;
  close(): Promise<void>;
}

const FLUSH_MS = 250;
const CONNECTION = {
  commandTimeoutMs: 500,
  reconnectMs: 500,
  away: 'Redis cannot be reached: limits of rates are counted in this process',
  back: 'Redis is back: limits of rates are counted there again',
};

/** Creates what limits are made by; they share a connection to Redis, and count in this process while that is away. */
export function createRateLimits({ redisUrl, log, metrics }: RateLimitsOptions): RateLimits {
  const limiters: RateLimiter[] = [];
  const refusals = metrics.counter('taskgraph_rate_limited_total', 'Requests refused because of a limit of rates.', [
    'limit',
  ]);
  const keys = metrics.gauge(
    'taskgraph_rate_limit_keys',
    'Clients, users or accounts that a limit counts in this process.',
    ['limit'],
  );
  (keys as unknown as { collect: () => void }).collect = () => {
    for (const limiter of limiters) keys.set({ limit: limiter.name }, limiter.size());
  };
  const redis =
    redisUrl === undefined ? null : timeRedis(connectRedis(redisUrl, { log, ...CONNECTION }), metrics, 'rate limits');
  const timer =
    redis && setInterval(() => void Promise.all(limiters.map((limiter) => limiter.flush())), FLUSH_MS).unref();
  return {
    create(name, rate) {
      if (!rate) return null;
      const limiter = createRateLimiter({ name, rate, redis });
      limiters.push(limiter);
      refusals.inc({ limit: name }, 0);
      return limiter;
    },
    refused(limit, requestLog) {
      refusals.inc({ limit });
      requestLog?.info({ limit }, 'refused by a limit of rates');
    },
    async close() {
      if (timer) clearInterval(timer);
      redis?.disconnect();
    },
  };
}
