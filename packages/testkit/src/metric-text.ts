/**
 * Adds up the samples of a metric whose labels have these values, in the text that a process exports. NaN when it has none of them, so that
 * nothing passes for 0 that is not there.
 */
export function sumOfMetric(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = Number.NaN;
  for (const line of text.split('\n')) {
    const [, sample, labelText = '', value] = /^(\w+)(?:\{([^}]*)\})? (\S+)$/.exec(line) ?? [];
    if (sample !== name) continue;
    const isMeant = Object.entries(labels).every(([label, wanted]) =>
      `,${labelText},`.includes(`,${label}="${wanted}",`),
    );
    if (isMeant) sum = (Number.isNaN(sum) ? 0 : sum) + Number(value);
  }
  return sum;
}
