import { describe, expect, it } from '@jest/globals';
import { createHealth } from './health.js';

describe('health', () => {
  it('asks a dependency once for a thousand probes', async () => {
    const health = createHealth();
    let asked = 0;
    let answer: () => void = () => undefined;
    health.register('database', () => {
      asked += 1;
      return new Promise((resolve) => (answer = resolve));
    });
    const probes = Array.from({ length: 1_000 }, () => health.report());
    answer();
    expect(new Set((await Promise.all(probes)).map(({ status }) => status))).toEqual(new Set(['ok']));
    // Nor for a caller that comes a moment later.
    await health.report();
    expect(asked).toBe(1);
  });

  it('asks again when what it knows is old', async () => {
    const health = createHealth({ freshMs: 0 });
    let isThere = false;
    health.register('database', async () => {
      if (!isThere) throw new Error('away');
    });
    expect(await health.report()).toMatchObject({ status: 'unavailable', reasons: ['database: away'] });
    isThere = true;
    expect(await health.report()).toMatchObject({ status: 'ok', reasons: [] });
  });

  it('leaves what does not answer alone until it has', async () => {
    const health = createHealth({ freshMs: 0, timeoutMs: 1 });
    let asked = 0;
    let answer: () => void = () => undefined;
    health.register('database', () => {
      asked += 1;
      return new Promise((resolve) => (answer = resolve));
    });
    for (let probe = 0; probe < 3; probe += 1) expect((await health.report()).status).toBe('unavailable');
    expect(asked).toBe(1);
    answer();
    await new Promise(setImmediate);
    health.register('other', async () => undefined);
    void health.report();
    expect(asked).toBe(2);
    answer();
  });

  it('tells of what is lacking, of what is about to stop, and by whom it is told', async () => {
    const health = createHealth();
    health.register('storage', async () => ({ degraded: 'no room' }));
    health.register('events', () => Promise.reject(new Error('away')), { critical: false });
    expect(await health.report()).toMatchObject({
      status: 'degraded',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      reasons: ['storage: no room', 'events: away'],
      dependencies: {
        storage: { status: 'degraded', critical: true, error: 'no room', latencyMs: expect.any(Number) },
        events: { status: 'unavailable', critical: false },
      },
    });
    health.drain();
    // At once, whatever is known of the rest.
    expect(await health.report()).toMatchObject({ status: 'draining' });
  });
});
