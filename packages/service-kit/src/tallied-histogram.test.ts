import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { TalliedHistogram } from './tallied-histogram.js';

const OPTIONS = { name: 'taskgraph_time', help: 'A time.', labelNames: ['method', 'status'], buckets: [0.1, 1, 10] };

describe('a tallied histogram', () => {
  it('exports what one of prom-client does', async () => {
    const [own, reference] = [new Registry(), new Registry()];
    for (const registry of [own, reference]) registry.setDefaultLabels({ service: 'gateway' });
    const tallied = new TalliedHistogram(OPTIONS).registerIn(own);
    const histogram = new Histogram({ ...OPTIONS, registers: [reference] });
    expect(await own.metrics()).toBe(await reference.metrics());
    for (const value of [0, 0.1, 0.1000001, 1, 5, 10, 11, 1e9])
      for (const [method, status] of [
        ['GET', '200'],
        ['POST', value > 1 ? '500' : '200'],
      ] as const) {
        tallied.observe(value, method, status);
        histogram.observe({ method, status }, value);
      }
    expect(await own.metrics()).toBe(await reference.metrics());
    for (const metric of [tallied, histogram]) metric.remove({ method: 'POST', status: '500' });
    expect(await own.metrics()).toBe(await reference.metrics());
    expect(await own.metrics()).toContain('taskgraph_time_count{service="gateway",method="GET",status="200"} 8');
    expect((await tallied.get()).values).toEqual(
      (await histogram.get()).values.map((value) =>
        expect.objectContaining({ labels: value.labels, value: value.value, metricName: value.metricName }),
      ),
    );
    for (const metric of [tallied, histogram]) metric.reset();
    expect(await own.metrics()).toBe(await reference.metrics());
  });
});
