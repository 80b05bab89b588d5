/** The value below which a share of sorted values lies; null of none. */
export function percentile(sorted, share) {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** What is told of the requests of one kind. Latencies in milliseconds, from when each was to be sent. */
export function summarise(samples, seconds) {
  const sorted = samples.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const failures = new Map();
  for (const { failure } of samples) if (failure !== null) failures.set(failure, (failures.get(failure) ?? 0) + 1);
  return {
    requests: samples.length,
    perSecond: samples.length / seconds,
    failed: [...failures.values()].reduce((sum, count) => sum + count, 0),
    failures: Object.fromEntries(failures),
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? null,
  };
}

/** A point for each second in which something was sent. */
export function overTime(samples, seconds) {
  const buckets = Array.from({ length: Math.max(1, Math.ceil(seconds)) }, () => []);
  for (const sample of samples) buckets[Math.min(buckets.length - 1, Math.floor(sample.atMs / 1_000))].push(sample);
  return buckets.map((bucket, second) => {
    const sorted = bucket.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    return {
      second,
      requests: bucket.length,
      failed: bucket.filter(({ failure }) => failure !== null).length,
      p50: percentile(sorted, 0.5),
      p90: percentile(sorted, 0.9),
      p99: percentile(sorted, 0.99),
    };
  });
}
