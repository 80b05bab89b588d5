/**
 * Returns how often a value of the first sample is the larger one of a pair, ties being halves: the statistic of Mann and Whitney over the
 * number of pairs. 0.5 is what two samples of one distribution come to, 0 and 1 are those that do not overlap. Outliers count as
 * little as any other value, so a machine that is busy now and then does not matter.
 */
export function superiority(first: readonly number[], second: readonly number[]): number {
  let larger = 0;
  for (const one of first) for (const other of second) larger += one > other ? 1 : one === other ? 0.5 : 0;
  return larger / (first.length * second.length);
}

/** Returns how far from a half {@link superiority} may be by chance: `sigmas` of its standard deviations, where both are of one distribution. */
export function chanceOfSuperiority(first: number, second: number, sigmas: number): number {
  return sigmas * Math.sqrt((first + second + 1) / (12 * first * second));
}
