const FIRST_MS = 200;
const MOST_MS = 10_000;

/**
 * How long to wait before a try, in milliseconds: twice as long each time, up to ten seconds, and between half of that and
 * all of it, so that those who lost the same connection do not come back at once.
 *
 * @param attempt 0 for the first
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(MOST_MS, FIRST_MS * 2 ** attempt);
  return full / 2 + (full / 2) * random();
}
