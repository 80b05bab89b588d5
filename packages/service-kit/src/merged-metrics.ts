import { AggregatorRegistry, type Registry } from 'prom-client';

/** What a registry tells another process. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of a primary and its workers, as those of one process. */
interface MergedMetrics {
  /** What a worker has told; what it had told before is forgotten. */
  tell(worker: number, values: MetricValues): void;
  /**
   * A worker is gone. What it has counted stays: a sum that fell would look like the start of a process, and all that the others have
   * counted like an increase.
   */
  leave(worker: number): void;
  /** In the text format of Prometheus. */
  text(own: MetricValues): Promise<string>;
}

export function createMergedMetrics(): MergedMetrics {
  const told = new Map<number, MetricValues>();
  let gone: MetricValues = [];
  let joining: Promise<void> = Promise.resolve();
  const merge = (all: readonly MetricValues[]): Registry => AggregatorRegistry.aggregate([...all]);

  return {
    tell(worker, values) {
      told.set(worker, values);
    },
    leave(worker) {
      const counted = (told.get(worker) ?? []).filter(isCount);
      told.delete(worker);
      joining = joining.then(async () => {
        gone = await merge([gone, counted]).getMetricsAsJSON();
      });
    },
    async text(own) {
      await joining;
      return merge([own, ...told.values(), gone]).metrics();
    },
  };
}

/** prom-client names types by text where it tells their values. */
function isCount({ type }: MetricValues[number]): boolean {
  return ['counter', 'histogram'].includes(String(type));
}
