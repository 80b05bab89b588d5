import { CheckError } from '../check-error.js';

/** Where gateways record: `records` holds facts by id, the others are sorted by count and by the time of the last. */
const [RECORDS, COUNTS, SEEN] = ['records', 'counts', 'seen'].map((part) => `taskgraph:{usage}:${part}`) as [
  string,
  string,
  string,
];
const TIMEOUT_MS = 10_000;

export function isRedis(source: string): boolean {
  return /^rediss?:\/\//.test(source);
}

/** As it may be shown. */
export function withoutPassword(source: string): string {
  if (!URL.canParse(source)) return 'redis:';
  const url = new URL(source);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/**
 * Reads what gateways have recorded in Redis, whose client library is installed by the users who need it.
 *
 * @throws CheckError where it cannot be read, or the library is not installed
 */
export async function readRedisTraffic(url: string): Promise<unknown[]> {
  const library = await import('ioredis').catch((cause: unknown) => {
    throw new CheckError(`redis:// needs the package ioredis: ${(cause as Error).message}`);
  });
  const redis = new library.Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let fault: Error | null = null;
  // What is wrong with a connection is told here; the call that has failed says only that it is closed.
  redis.on('error', (error: Error) => (fault = error));
  try {
    await redis.connect();
    const [records, counts, seen] = await Promise.all([
      redis.hgetall(RECORDS),
      redis.zrange(COUNTS, 0, -1, 'WITHSCORES'),
      redis.zrange(SEEN, 0, -1, 'WITHSCORES'),
    ]);
    const [countOf, timeOf] = [toMap(counts), toMap(seen)];
    return Object.entries(records).map(([id, facts]) => ({
      ...(JSON.parse(facts) as object),
      count: countOf.get(id) ?? 0,
      lastSeen: new Date(timeOf.get(id) ?? 0).toISOString().slice(0, 10),
    }));
  } catch (error) {
    throw new CheckError(`${withoutPassword(url)} cannot be read: ${(fault ?? (error as Error)).message}`);
  } finally {
    redis.disconnect();
  }
}

function toMap(withScores: readonly string[]): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (let at = 0; at < withScores.length; at += 2) map.set(withScores[at] ?? '', Number(withScores[at + 1]));
  return map;
}
