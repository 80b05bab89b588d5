import type { Redis } from 'ioredis';
import { connectRedis, type Log } from '@taskgraph/service-kit';
import { NOTHING, plus } from './usage-table.js';
import {
  OTHERS,
  othersId,
  recordId,
  toFacts,
  type UsageBounds,
  type UsageCount,
  type UsageStore,
} from './usage-record.js';
import { ID_LENGTH } from './normal-operation.js';

/** Where records lie; `packages/schema-check` reads them there. */
const KEYS = ['records', 'counts', 'seen'].map((part) => `taskgraph:{usage}:${part}`);
/** What cannot be told now is told with what is counted meanwhile. */
const CONNECTION = {
  commandTimeoutMs: 2_000,
  reconnectMs: 1_000,
  away: 'Redis cannot be reached: usage is counted in this process until it is back',
  back: 'Redis is back: usage is told again',
};
/** Of one script, which Redis runs while nobody else is served. */
const COUNTS_AT_ONCE = 100;

/** The rules of `usage-table.ts`, where all processes count: `records` holds facts by id, the others are sorted by count and by time. */
const ADD = `
local records, counts, seen = KEYS[1], KEYS[2], KEYS[3]
local now, oldest, max = ARGV[1], ARGV[2], tonumber(ARGV[3])
local unnamed, dropped = 0, 0
local function has(id) return redis.call('HEXISTS', records, id) == 1 end
local function forget(id)
  redis.call('HDEL', records, id)
  redis.call('ZREM', counts, id)
  redis.call('ZREM', seen, id)
end
local function add(id, facts, count)
  redis.call('HSETNX', records, id, facts)
  redis.call('ZINCRBY', counts, count, id)
  redis.call('ZADD', seen, now, id)
end
local function room(limit)
  if redis.call('HLEN', records) < max then return true end
  local least = redis.call('ZRANGE', counts, 0, 0, 'WITHSCORES')
  local id, count = least[1], tonumber(least[2])
  if not id or count > limit then return false end
  forget(id)
  local others = string.sub(id, 1, ${ID_LENGTH}) .. ':${OTHERS}'
  if id ~= others and has(others) then
    redis.call('ZINCRBY', counts, count, others)
    unnamed = unnamed + count
  else
    dropped = dropped + count
  end
  return true
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', '(' .. oldest, 'LIMIT', 0, 1000)) do forget(id) end
for i = 4, #ARGV, 5 do
  local id, facts, count, others, othersFacts = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4]
  if has(id) or room(count - 1) then
    add(id, facts, count)
  elseif has(others) or room(count) then
    add(others, othersFacts, count)
    unnamed = unnamed + count
  else
    dropped = dropped + count
  end
end
return { unnamed, dropped }
`;

interface RedisUsageOptions extends UsageBounds {
  readonly url: string;
  readonly log: Log;
  /** Gets the connection, to watch it. */
  readonly onClient?: (client: Redis) => void;
}

/** Keeps usage in Redis, for all processes together. */
export function createRedisUsage({ url, log, onClient, maxRecords, retentionMs }: RedisUsageOptions): UsageStore {
  const redis = connectRedis(url, { log, ...CONNECTION });
  onClient?.(redis);

  async function addSome(counts: readonly UsageCount[], now: Date) {
    const told = counts.flatMap((count) => {
      const id = recordId(count);
      const others = { ...count, client: OTHERS, version: null };
      return [id, JSON.stringify(toFacts(count, now)), count.count, othersId(id), JSON.stringify(toFacts(others, now))];
    });
    const time = now.getTime();
    const answer = await redis.eval(ADD, KEYS.length, ...KEYS, time, time - retentionMs, maxRecords, ...told);
    const [unnamed, dropped] = answer as [number, number];
    return { unnamed, dropped };
  }

  return {
    async add(counts, now) {
      let lost = NOTHING;
      for (let from = 0; from < counts.length; from += COUNTS_AT_ONCE)
        lost = plus(lost, await addSome(counts.slice(from, from + COUNTS_AT_ONCE), now));
      return lost;
    },
    async close() {
      redis.disconnect();
    },
  };
}
