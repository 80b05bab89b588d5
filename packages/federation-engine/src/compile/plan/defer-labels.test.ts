import { describe, expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { labelDeferred } from './defer-labels.js';

const nested = (inner: string, depth: number) => `{ ${'... { '.repeat(depth)}${inner}${' }'.repeat(depth)} }`;

describe('what a document puts off', () => {
  it('is known by a label, with the fragments around it up to the next field', () => {
    const { document, deferred } = labelDeferred(
      parse(
        'query($c: Boolean!) { a { ... @include(if: $c) { b ...F @defer(label: "mine") } } } fragment F on A { c }',
      ),
    );
    expect([...deferred].map(([name, { label, selectionSet }]) => [name, label, print(selectionSet)])).toEqual([
      ['part0', 'mine', '{\n  ... @include(if: $c) {\n    ... on A {\n      c\n    }\n  }\n}'],
    ]);
    expect(print(document)).toContain('... on A @defer(label: "part0")');
  });

  it('is found deep in fragments', () => {
    expect(labelDeferred(parse(nested('a ... @defer { b }', 500))).deferred.size).toBe(1);
  });

  it('is nothing, where writing it once more for each part would make a small document huge', () => {
    const { document, deferred } = labelDeferred(parse(nested('... @defer { b } '.repeat(500), 500)));
    expect(deferred.size).toBe(0);
    expect(print(document)).not.toContain('@defer');
  });
});
