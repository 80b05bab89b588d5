import { describe, expect, it } from '@jest/globals';
import { parseNewPassword, possiblePasswords } from './password-input.js';

const BAD = expect.objectContaining({ code: 'BAD_USER_INPUT' });

describe('password input', () => {
  it('keeps spaces inside a password and refuses what is too short or too long', () => {
    expect(parseNewPassword(' ten chars ')).toBe(' ten chars ');
    expect(() => parseNewPassword('too short')).toThrow(BAD);
    expect(() => parseNewPassword('x'.repeat(129))).toThrow(BAD);
    expect(() => parseNewPassword('\ufdfa'.repeat(20))).toThrow(BAD);
  });

  it('counts code points of the one form, not how they are kept', () => {
    const [otter, dancing] = ['\u{1f9a6}', '\u{1f57a}\u{1f3fd}'];
    expect(() => parseNewPassword(otter.repeat(9))).toThrow(BAD);
    expect(parseNewPassword(otter.repeat(10))).toHaveLength(20);
    expect(parseNewPassword(dancing.repeat(64))).toHaveLength(256);
    expect(() => parseNewPassword(dancing.repeat(65))).toThrow(BAD);
    // Ten letters with their accents apart are ten; five ligatures of two are ten.
    expect(parseNewPassword('e\u0301'.repeat(10))).toBe('\u00e9'.repeat(10));
    expect(() => parseNewPassword('e\u0301'.repeat(9))).toThrow(BAD);
    expect(parseNewPassword('\ufb01'.repeat(5))).toBe('fi'.repeat(5));
    expect(() => parseNewPassword('\u{1f9a6}'.repeat(1_000_000))).toThrow(BAD);
    expect(possiblePasswords(otter.repeat(128))).toHaveLength(1);
    expect(possiblePasswords(otter.repeat(129))).toEqual([]);
  });

  it('gives a password one form, and compares with the one that it may have been set in before', () => {
    expect(parseNewPassword('Zoe\u0308 \uff21\uff22\uff23 \ufb01ne day')).toBe('Zo\u00eb ABC fine day');
    expect(possiblePasswords('seven green otters')).toEqual(['seven green otters']);
    expect(possiblePasswords('Zoe\u0308')).toEqual(['Zo\u00eb', 'Zoe\u0308']);
    expect(possiblePasswords('x'.repeat(129))).toEqual([]);
    expect(possiblePasswords('\ufdfa'.repeat(100_000))).toEqual([]);
  });
});
