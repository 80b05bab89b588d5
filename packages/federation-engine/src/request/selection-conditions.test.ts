import { describe, expect, it } from '@jest/globals';
import { Kind, parse } from 'graphql';
import { holds, isCondition, readConditions } from './selection-conditions.js';

function directivesOf(text: string) {
  const [definition] = parse(`query($a: Boolean!, $b: Boolean!) { field ${text} }`).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation');
  return definition.selectionSet.selections[0]?.directives;
}

describe('conditions of a selection', () => {
  it.each([
    ['', []],
    ['@other(if: $a)', []],
    ['@include(if: true)', []],
    ['@skip(if: false)', []],
    ['@include(if: false)', null],
    ['@skip(if: true)', null],
    ['@include(if: $a)', [{ variable: 'a', is: true }]],
    ['@skip(if: $a)', [{ variable: 'a', is: false }]],
    [
      '@skip(if: $b) @defer @include(if: $a)',
      [
        { variable: 'b', is: false },
        { variable: 'a', is: true },
      ],
    ],
    ['@skip(if: $b) @include(if: false)', null],
  ])('%s', (text, expected) => {
    expect(readConditions(directivesOf(text))).toEqual(expected);
  });

  it.each([
    ['', {}, true],
    ['@include(if: $a)', { a: true }, true],
    ['@include(if: $a)', { a: false }, false],
    ['@include(if: $a)', {}, false],
    ['@include(if: $a)', { a: null }, false],
    ['@include(if: $a)', { a: 'true' }, false],
    ['@skip(if: $a)', { a: true }, false],
    ['@skip(if: $a)', { a: false }, true],
    ['@skip(if: $a)', {}, true],
    ['@skip(if: $b) @include(if: $a)', { a: true, b: false }, true],
    ['@skip(if: $b) @include(if: $a)', { a: true, b: true }, false],
    ['@skip(if: $b) @include(if: $a)', { a: false, b: false }, false],
  ])('%s, where variables are %j: %p', (text, variables, expected) => {
    const values = new Map<string, unknown>(Object.entries(variables));
    expect(holds(readConditions(directivesOf(text)) ?? [], values)).toBe(expected);
  });

  it('are @skip and @include', () => {
    expect(directivesOf('@skip(if: $a) @include(if: $a) @defer @other')?.map(isCondition)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
