import { describe, expect, it } from '@jest/globals';
import { buildSchema, graphql } from 'graphql';
import {
  canonicalText,
  firstCharacters,
  isLongerThan,
  isOneLine,
  isStorable,
  isVisible,
  refuseUnstorableText,
} from './text.js';

describe('text', () => {
  it.each([
    ['Zoë 😀', true],
    ['a\u0000b', false],
    ['a\ud800', false],
    ['\udc00\ud800', false],
  ])('%j can be stored: %s', (text, expected) => {
    expect(isStorable(text)).toBe(expected);
  });

  it.each([
    ['x', true],
    ['!', true],
    ['😀', true],
    ['שלום', true],
    ['\u200f x', true],
    ['', false],
    [' \u00a0\u3000', false],
    ['\u200b\u200d\ufeff', false],
    ['\u200e\u200f\u202e\u2066\u061c', false],
    ['\u3164\u115f\uffa0\u2800', false],
    ['\u0301', false],
    ['\u00ad\u034f', false],
  ])('%j is seen: %s', (text, expected) => {
    expect(isVisible(text)).toBe(expected);
  });

  it.each([
    ['Zoë 😀 שלום', true],
    ['\u200f שלום \u200e', true],
    ['by \u2068שלום\u2069, today', true],
    ['\u2066a \u2067b\u2069\u2069', true],
    ['two\nlines', false],
    ['two\u2028lines', false],
    ['two\u2029lines', false],
    ['a\u0085b', false],
    ...[...'\u202a\u202b\u202c\u202d\u202e'].map((mark) => [`picture ${mark}gpj.exe`, false] as const),
    ['\u2067never ended', false],
    ['ended before\u2069', false],
    ['\u2069\u2068', false],
    ['\u2068once\u2069 and again\u2069', false],
  ])('%j is one line that leaves alone what stands beside it: %s', (text, expected) => {
    expect(isOneLine(text)).toBe(expected);
  });

  it.each([
    ['', 0, false],
    ['😀😀', 2, false],
    ['😀😀', 1, true],
    ['a😀', 2, false],
    ['ab', 1, true],
    ['\u0301a', 1, true],
  ])('%j has more characters than %i: %s', (text, max, expected) => {
    expect(isLongerThan(text, max)).toBe(expected);
    expect(firstCharacters(text, max) === text).toBe(!expected);
  });

  it('is cut between characters', () => {
    expect(firstCharacters('a😀b😀', 2)).toBe('a😀');
    expect(firstCharacters('😀'.repeat(9), 3)).toBe('😀😀😀');
  });

  it('has one form', () => {
    expect(canonicalText(' Zoe\u0308 ')).toBe('Zo\u00eb');
  });
});

describe('a schema that refuses text that cannot be stored', () => {
  const built = buildSchema(`
    type Query { echo(text: String, list: [[ID!]!], input: Input, number: Int): String }
    input Input { text: String, deep: Input }`);
  const field = built.getQueryType()?.getFields()['echo'];
  if (field) field.resolve = () => 'taken';
  const schema = refuseUnstorableText(built);
  const echo = (variables: Record<string, unknown>) =>
    graphql({
      schema,
      source: `query($text: String, $list: [[ID!]!], $input: Input) { good: echo(text: "x") echo(text: $text, list: $list, input: $input) }`,
      variableValues: variables,
    });

  it.each([
    ['text', { text: 'a\u0000' }],
    ['list[1][0]', { list: [['a'], ['\ud800']] }],
    ['input.deep.text', { input: { deep: { text: '\udc00' } } }],
  ])('finds it at %s, and answers what is asked beside it', async (place, variables) => {
    const { data, errors } = await echo(variables);
    expect(data).toEqual({ good: 'taken', echo: null });
    expect(errors?.map(({ message, originalError }) => [message, originalError])).toEqual([
      [
        expect.stringContaining(`\`${place}\``),
        expect.objectContaining({ code: 'BAD_USER_INPUT', reason: 'INVALID_TEXT' }),
      ],
    ]);
  });

  it('takes all else', async () => {
    expect(await echo({ text: 'Zoë 😀', list: [], input: null })).toEqual({ data: { good: 'taken', echo: 'taken' } });
  });
});
