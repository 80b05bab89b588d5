import { describe, expect, it } from '@jest/globals';
import { createMergedMetrics } from './merged-metrics.js';
import { createMetrics } from './metrics.js';

function worker() {
  const metrics = createMetrics('test');
  const counter = metrics.counter('requests_total', 'Requests.', ['outcome']);
  const gauge = metrics.gauge('open', 'Open.');
  const state = metrics.gauge('state', 'State.', [], 'max');
  const times = metrics.tallied('time_seconds', 'Time.', ['type'], [1, 2]);
  // Values are what another process sends: no objects of prom-client.
  const values = async () => structuredClone(await metrics.registry.getMetricsAsJSON());
  return { counter, gauge, state, times, values };
}

async function valueOf(text: Promise<string>, line: string): Promise<number | null> {
  const found = (await text).split('\n').find((one) => one.startsWith(line));
  return found === undefined ? null : Number(found.split(' ').at(-1));
}

describe('the metrics of several workers', () => {
  it('are their sums, or the highest where a sum says nothing', async () => {
    const merged = createMergedMetrics();
    const [one, other] = [worker(), worker()];
    one.counter.inc({ outcome: 'ok' }, 3);
    other.counter.inc({ outcome: 'ok' }, 4);
    other.counter.inc({ outcome: 'error' });
    one.gauge.set(5);
    other.gauge.set(6);
    one.state.set(2);
    other.state.set(1);
    one.times.observe(0.5, 'query');
    other.times.observe(1.5, 'query');
    merged.tell(1, await one.values());
    merged.tell(2, await other.values());
    const text = merged.text([]);
    expect(await valueOf(text, 'requests_total{outcome="ok"')).toBe(7);
    expect(await valueOf(text, 'requests_total{outcome="error"')).toBe(1);
    expect(await valueOf(text, 'open{')).toBe(11);
    expect(await valueOf(text, 'state{')).toBe(2);
    expect(await valueOf(text, 'time_seconds_count')).toBe(2);
    expect(await valueOf(text, 'time_seconds_sum')).toBe(2);
    expect(await valueOf(text, 'time_seconds_bucket{le="1"')).toBe(1);
    expect(await valueOf(text, 'taskgraph_build_info')).toBe(1);
  });

  it('keep what one that is gone had counted, and not what it had', async () => {
    const merged = createMergedMetrics();
    for (const number of [1, 2, 3]) {
      const { counter, gauge, times, values } = worker();
      counter.inc({ outcome: 'ok' }, 10);
      gauge.set(1);
      times.observe(0.5, 'query');
      merged.tell(number, await values());
      if (number < 3) merged.leave(number);
    }
    merged.leave(4);
    const text = merged.text([]);
    expect(await valueOf(text, 'requests_total{outcome="ok"')).toBe(30);
    expect(await valueOf(text, 'time_seconds_count')).toBe(3);
    expect(await valueOf(text, 'open{')).toBe(1);
  });
});
