import { describe, expect, it } from '@jest/globals';
import { Kind, parse } from 'graphql';
import { isCondition, readConditions } from './selection-conditions.js';

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

  it('are @skip and @include', () => {
    expect(directivesOf('@skip(if: $a) @include(if: $a) @defer @other')?.map(isCondition)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
