import { expect, it } from '@jest/globals';
import { chanceOfSuperiority, superiority } from '@taskgraph/testkit';

it('tells samples of one distribution from those of two', () => {
  const even = Array.from({ length: 50 }, (_, index) => index * 2);
  const odd = even.map((value) => value + 1);
  const bound = chanceOfSuperiority(50, 50, 4);
  expect(Math.abs(superiority(even, odd) - 0.5)).toBeLessThan(bound);
  expect(superiority(even, even)).toBe(0.5);
  expect(
    superiority(
      even.map((value) => value + 1_000),
      odd,
    ),
  ).toBe(1);
  expect(
    Math.abs(
      superiority(
        even.map((value) => value + 40),
        odd,
      ) - 0.5,
    ),
  ).toBeGreaterThan(bound);
});
