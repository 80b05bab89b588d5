import { describe, expect, it } from '@jest/globals';
import { parse, type DocumentNode } from 'graphql';
import { measureDocument } from './measure-document.js';

const countSelections = (document: DocumentNode) => measureDocument(document).selections;

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

describe('the size of a document', () => {
  it.each([
    ['{ a { b } }', { depth: 2, aliases: 0, rootFields: 1 }],
    [
      '{ x: a { y: b } ...F } fragment F on Query { a { ...G } } fragment G on A { z: b { c } }',
      { depth: 5, aliases: 3, rootFields: 2 },
    ],
    ['{ a ... { a b ...F } ...F } fragment F on Query { b c: a }', { depth: 3, aliases: 2, rootFields: 3 }],
    [
      '{ a } query B { a b } fragment Unused on Query { ...V } fragment V on Query { x: a { y: b { z: c } } }',
      { depth: 4, aliases: 3, rootFields: 2 },
    ],
    ['{ ...F } fragment F on Query { x: a } fragment F on Query { x: a y: b z: c }', { depth: 2, aliases: 4 }],
  ])('of %s is measured with every fragment spread', (text, expected) => {
    expect(measureDocument(parse(text))).toMatchObject(expected);
  });

  it('is measured without a way back', () => {
    expect(
      measureDocument(parse('{ ...F } fragment F on Query { a { ...G } } fragment G on A { ...F }')),
    ).toMatchObject({
      isCyclic: true,
    });
    expect(
      measureDocument(parse('{ ...F ...G } fragment F on Query { ...G } fragment G on Query { a }')),
    ).toMatchObject({
      isCyclic: false,
    });
  });

  it('is measured in time that grows with the text, however long the chain of fragments is', () => {
    const chain = Array.from({ length: 20_000 }, (_, index) => `fragment F${index} on Query { ...F${index + 1} }`);
    expect(measureDocument(parse(`{ ...F0 } ${chain.join(' ')}`))).toMatchObject({ depth: 20_001, selections: 20_001 });
  });
});
