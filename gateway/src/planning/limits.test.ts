import { describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import { countSelections } from './limits.js';

describe('selections', () => {
  it('are counted with every fragment spread', () => {
    expect(countSelections(parse('{ a ...F ...F } fragment F on Query { b c { d } }'))).toBe(9);
  });

  it('of fragments that double each other are counted without doing it', () => {
    const fragments = Array.from(
      { length: 40 },
      (_, index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
    );
    const text = `{ ...F0 } ${fragments.join(' ')} fragment F40 on Query { a }`;
    expect(countSelections(parse(text))).toBeGreaterThan(1e12);
  });

  it('of fragments that spread themselves come to an end', () => {
    expect(countSelections(parse('{ ...F } fragment F on Query { a ...F }'))).toBeLessThan(10);
  });
});
