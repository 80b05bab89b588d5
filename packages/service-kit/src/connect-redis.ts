import { Redis } from 'ioredis';
import type { Log } from './log.js';

interface RedisConnectionOptions {
  readonly log: Log;
  readonly commandTimeoutMs: number;
  readonly reconnectMs: number;
  /** What is logged once when it goes away, and once when it is back. */
  readonly away: string;
  readonly back: string;
}

/**
 * Connects to a Redis that is asked while it is there: commands while it is away fail at once and are not kept for later, and it is looked for
 * until it is back.
 */
export function connectRedis(url: string, options: RedisConnectionOptions): Redis {
  const { log, commandTimeoutMs, reconnectMs, away, back } = options;
  const redis = new Redis(url, {
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => reconnectMs,
    disconnectTimeout: 100,
  });
  let isAway = false;
  redis.on('error', (error) => {
    if (!isAway) log.warn({ err: error }, away);
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) log.info(back);
    isAway = false;
  });
  return redis;
}
