import type { Registry } from 'prom-client';

/** Values of labels, in the order of their names. */
type Labels = readonly [string?, string?, string?];

interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  /** By bucket; values beyond the last one are counted as a whole only. */
  readonly counts: number[];
  sum: number;
  count: number;
}

interface TalliedHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Three at most. */
  readonly labelNames: readonly string[];
  /** Upper bounds, the smallest first. */
  readonly buckets: readonly number[];
}

/**
 * A histogram for what is observed several times in each request. prom-client checks, sorts and joins labels each time; here they are found
 * by their values, and what is exported is made when somebody asks.
 */
export class TalliedHistogram {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #labelNames: readonly string[];
  readonly #buckets: readonly number[];
  #tallies = new Map<string, Map<string, Map<string, Tally>>>();

  constructor({ name, help, labelNames, buckets }: TalliedHistogramOptions) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    this.#buckets = buckets;
  }

  /** Enters it among what is exported. */
  registerIn(registry: Registry): this {
    registry.registerMetric(this as unknown as Parameters<Registry['registerMetric']>[0]);
    return this;
  }

  /** @param labels in the order of their names */
  observe(value: number, ...[first = '', second = '', third = '']: Labels): void {
    const tally = this.#tallies.get(first)?.get(second)?.get(third) ?? this.#add(first, second, third);
    const buckets = this.#buckets;
    tally.sum += value;
    tally.count += 1;
    for (let index = 0; index < buckets.length; index += 1)
      if (value <= (buckets[index] as number)) {
        tally.counts[index] = (tally.counts[index] as number) + 1;
        return;
      }
  }

  /** Forgets what has been counted under these labels. */
  remove(labels: Partial<Record<string, string | number>>): void {
    const [first = '', second = '', third = ''] = this.#labelNames.map((name) => String(labels[name] ?? ''));
    this.#tallies.get(first)?.get(second)?.delete(third);
  }

  reset(): void {
    this.#tallies = new Map();
  }

  /** As prom-client's registries read metrics. */
  async get() {
    return this.#export((tally, labels) => ({ labels: { ...labels, ...tally.labels } }));
  }

  async getForPromString() {
    return this.#export((tally, labels) => ({ labels, sharedLabels: tally.labels }));
  }

  #export<Named extends object>(name: (tally: Tally, labels: Record<string, string | number>) => Named) {
    const values: Array<Named & { value: number; metricName: string }> = [];
    const all = [...this.#tallies.values()]
      .flatMap((inner) => [...inner.values()])
      .flatMap((inner) => [...inner.values()]);
    for (const tally of all) {
      const add = (suffix: string, value: number, labels: Record<string, string | number> = {}) =>
        values.push({ ...name(tally, labels), value, metricName: `${this.name}_${suffix}` });
      let below = 0;
      for (const [index, le] of this.#buckets.entries()) {
        below += tally.counts[index] ?? 0;
        add('bucket', below, { le });
      }
      add('bucket', tally.count, { le: '+Inf' });
      add('sum', tally.sum);
      add('count', tally.count);
    }
    const { name: metric, help, type, aggregator } = this;
    return { name: metric, help, type, values, aggregator };
  }

  #add(first: string, second: string, third: string): Tally {
    const values = [first, second, third];
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index] as string]));
    const tally: Tally = { labels, counts: this.#buckets.map(() => 0), sum: 0, count: 0 };
    let bySecond = this.#tallies.get(first);
    if (!bySecond) this.#tallies.set(first, (bySecond = new Map<string, Map<string, Tally>>()));
    let byThird = bySecond.get(second);
    if (!byThird) bySecond.set(second, (byThird = new Map<string, Tally>()));
    byThird.set(third, tally);
    return tally;
  }
}
