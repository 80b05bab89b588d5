import { describe, expect, it } from '@jest/globals';
import { parseValue } from 'graphql';
import { DateTimeResolver, isWrittenInstant } from './date-time.js';

describe('a DateTime', () => {
  it.each([
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['2027-03-28T02:30:00+02:00', '2027-03-28T00:30:00.000Z'],
    ['0000-12-31T23:00:00-02:00', '0001-01-01T01:00:00.000Z'],
  ])('takes %s', (text, written) => {
    expect(DateTimeResolver.parseValue(text).toISOString()).toBe(written);
    expect(DateTimeResolver.parseLiteral(parseValue(JSON.stringify(text))).toISOString()).toBe(written);
  });

  it.each([
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+14:00',
    '9999-12-31T23:59:59-14:00',
    '2027-02-30T00:00:00Z',
    'now',
  ])('refuses %s', (text) => {
    expect(() => DateTimeResolver.parseValue(text)).toThrow(/DateTime/);
    expect(() => DateTimeResolver.parseLiteral(parseValue(JSON.stringify(text)))).toThrow(/DateTime/);
  });
});

describe('an instant that was written', () => {
  it.each([
    ['2027-03-28T02:30:00.000Z', true],
    ['2020', false],
    ['2027-03-28T02:30:00Z', false],
    ['2027-02-30T00:00:00.000Z', false],
    ['2027-02-28T24:00:00.000Z', false],
    ['0000-01-01T00:00:00.000Z', false],
    ['+010000-01-01T00:00:00.000Z', false],
  ])('%s: %s', (text, expected) => {
    expect(isWrittenInstant(text)).toBe(expected);
  });
});
