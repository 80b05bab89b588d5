import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { createLog, createMetrics, createRateLimits, type RateLimiter, type RateLimits } from '@taskgraph/service-kit';
import { hasRedisServer, startRedisServer, type RedisServer } from '@taskgraph/testkit';

const rate = { quota: 10, windowSeconds: 600 };
const where = hasRedisServer() ? it : it.skip;

let redis: RedisServer;
beforeAll(async () => {
  if (hasRedisServer()) redis = await startRedisServer();
});
afterAll(async () => redis?.stop());

function startLimits(): RateLimits & AsyncDisposable {
  const log = createLog({ service: 'test', level: 'silent' });
  const limits = createRateLimits({ redisUrl: redis.url, log, metrics: createMetrics('test') });
  return { ...limits, [Symbol.asyncDispose]: () => limits.close() };
}

/** A connection is not there at once. */
async function untilTogether(here: RateLimiter, there: RateLimiter): Promise<void> {
  for (let round = 0; ; round += 1) {
    const [a, b] = [await here.consume(`round ${round}`), await there.consume(`round ${round}`)];
    if (a.remaining === 9 && b.remaining === 8) return;
    await delay(20);
  }
}

where('processes count together what is worth the way there', async () => {
  await using one = startLimits();
  await using other = startLimits();
  const limiters = [one.create('strict', rate)!, other.create('strict', rate)!] as const;
  await untilTogether(...limiters);
  const standings = await Promise.all(Array.from({ length: 40 }, (_, index) => limiters[index % 2]!.consume('ada')));
  expect(standings.filter(({ isOver }) => !isOver)).toHaveLength(10);
});

where('what one process has counted at once is known to the other some moments later', async () => {
  await using one = startLimits();
  await using other = startLimits();
  const [here, there] = [one.create('batched', rate)!, other.create('batched', rate)!];
  for (let request = 0; request < 11; request += 1) here.count('ada');
  // It knows nothing of Ada before it has counted her once.
  there.count('ada');
  while (!there.look('ada').isOver) await delay(20);
  expect(there.count('ada')).toMatchObject({ isOver: true, remaining: 0 });
  expect(there.count('eve').isOver).toBe(false);
});

where('each process counts for itself while Redis is away, and together again when it is back', async () => {
  await using one = startLimits();
  await using other = startLimits();
  const [here, there] = [one.create('insured', rate)!, other.create('insured', rate)!];
  await redis.stop();
  const outcomes = async (limiter: RateLimiter, key: string) =>
    (await Promise.all(Array.from({ length: 20 }, () => limiter.consume(key)))).filter(({ isOver }) => !isOver).length;
  expect([await outcomes(here, 'ada'), await outcomes(there, 'ada')]).toEqual([10, 10]);
  await redis.start();
  await untilTogether(here, there);
});
