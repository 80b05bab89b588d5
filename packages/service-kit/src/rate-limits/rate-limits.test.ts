import { describe, expect, it } from '@jest/globals';
import { createLog } from '../log.js';
import { createMetrics } from '../metrics.js';
import { BoundedCounters } from './bounded-counters.js';
import { rateLimitHeaders } from './rate-limit-headers.js';
import { createRateLimiter } from './rate-limiter.js';
import { createRateLimits } from './rate-limits.js';
import { parseRate } from './rate.js';

function clock() {
  let time = 1_000_000;
  return { now: () => time, pass: (ms: number) => (time += ms) };
}

describe('a rate', () => {
  it.each([
    ['200/60', { quota: 200, windowSeconds: 60 }],
    ['1/604800', { quota: 1, windowSeconds: 604_800 }],
    ['off', null],
    ['', undefined],
    ['200', undefined],
    ['0/60', undefined],
    ['5/0', undefined],
    ['-5/60', undefined],
    ['5/604801', undefined],
    ['5/60/1', undefined],
    ['1e3/60', undefined],
  ])('%j is %j', (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
  });
});

describe('a limit', () => {
  const rate = { quota: 3, windowSeconds: 60 };

  it('lets through its quota of each key, and more when the window of the first is over', () => {
    const { now, pass } = clock();
    const limiter = createRateLimiter({ name: 'test', rate, redis: null, now });
    for (const remaining of [2, 1, 0]) expect(limiter.count('ada')).toMatchObject({ isOver: false, remaining });
    pass(20_000);
    expect(limiter.count('ada')).toMatchObject({ limit: 'test', isOver: true, remaining: 0, resetSeconds: 40 });
    expect(limiter.count('eve').isOver).toBe(false);
    pass(39_999);
    expect(limiter.look('ada').isOver).toBe(true);
    pass(1);
    expect(limiter.look('ada').isOver).toBe(false);
    expect(limiter.count('ada').isOver).toBe(false);
  });

  it('counts what is worth more than one as that, and does not begin anew for who keeps on', () => {
    const { now, pass } = clock();
    const limiter = createRateLimiter({ name: 'test', rate, redis: null, now });
    expect(limiter.count('ada', 3).isOver).toBe(false);
    for (let second = 0; second < 59; second += 1) {
      expect(limiter.count('ada').isOver).toBe(true);
      pass(1_000);
    }
    pass(1_000);
    expect(limiter.count('ada')).toMatchObject({ isOver: false, remaining: 2 });
  });

  it('lets through exactly its quota of many at once', async () => {
    const limiter = createRateLimiter({ name: 'test', rate, redis: null });
    const standings = await Promise.all(Array.from({ length: 50 }, () => limiter.consume('ada')));
    expect(standings.filter(({ isOver }) => !isOver)).toHaveLength(3);
  });

  it('counts a bounded number of keys, however many there are', () => {
    const limiter = createRateLimiter({ name: 'test', rate, redis: null, maxKeys: 1_000 });
    for (let address = 0; address < 1_000_000; address += 1) limiter.count(String(address));
    expect(limiter.size()).toBe(1_000);
  });

  it('keeps no counter below nothing', () => {
    const counters = new BoundedCounters(10);
    expect(counters.incrby('a', -5, 60).consumedPoints).toBe(0);
    expect(counters.incrby('a', 1, 60).consumedPoints).toBe(1);
    expect(counters.incrby('a', -5, 60).consumedPoints).toBe(0);
    expect(counters.get('b')).toBeNull();
  });

  it('is told in the fields of the draft', () => {
    const { now } = clock();
    const anonymous = createRateLimiter({ name: 'anonymous', rate, redis: null, now }).count('ada');
    const bytes = createRateLimiter({ name: 'upload-bytes', rate, redis: null, now }).count('ada', 2);
    expect(rateLimitHeaders([anonymous, bytes])).toEqual({
      'ratelimit-policy': '"anonymous";q=3;w=60, "upload-bytes";q=3;w=60;qu="content-bytes"',
      ratelimit: '"anonymous";r=2;t=60, "upload-bytes";r=1;t=60',
    });
  });

  it('is none where it is off, and who is refused by one is counted', async () => {
    const metrics = createMetrics('test');
    const log = createLog({ service: 'test', level: 'silent' });
    const limits = createRateLimits({ redisUrl: undefined, log, metrics });
    expect(limits.create('off', null)).toBeNull();
    const limiter = limits.create('mutations', rate);
    limits.refused(limiter!.count('ada', 4).limit, log);
    const text = await metrics.registry.metrics();
    expect(text).toContain('taskgraph_rate_limited_total{limit="mutations",service="test"} 1');
    expect(text).toContain('taskgraph_rate_limit_keys{limit="mutations",service="test"} 1');
    await limits.close();
  });
});
