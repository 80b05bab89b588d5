/** So long may pass on a busy machine between a subgraph's answer and the gateway's. */
const BUSY_SECONDS = 20;

const SECONDS = /(?<==)\d+/g;

/**
 * What `Cache-Control` said when the answer was new. Seconds that pass between a subgraph's answer and the gateway's are told to
 * clients (RFC 9111, section 4.2), so that a test that runs on a busy machine reads 59 for 60.
 *
 * @returns `expected` where `told` is as that, or up to 20 s older; otherwise `told`
 */
export function withoutAge(told: string | null | undefined, expected: string): string | null {
  if (told === null || told === undefined) return null;
  const numbers = [...expected.matchAll(SECONDS)].map(([number]) => Number(number));
  const left = [...told.matchAll(SECONDS)].map(([number]) => Number(number));
  const aged = numbers.map((number, index) => number - (left[index] ?? Number.NaN));
  const sameAge = new Set(aged.filter((_, index) => numbers[index] !== 0)).size <= 1;
  const soon = aged.every((seconds) => seconds >= 0 && seconds <= BUSY_SECONDS);
  const sameWords = told.replace(SECONDS, '') === expected.replace(SECONDS, '');
  return sameWords && sameAge && soon ? expected : told;
}
