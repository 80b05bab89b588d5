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

  it('gives a password one form, and compares with the one that it may have been set in before', () => {
    expect(parseNewPassword('Zoe\u0308 \uff21\uff22\uff23 \ufb01ne day')).toBe('Zo\u00eb ABC fine day');
    expect(possiblePasswords('seven green otters')).toEqual(['seven green otters']);
    expect(possiblePasswords('Zoe\u0308')).toEqual(['Zo\u00eb', 'Zoe\u0308']);
    expect(possiblePasswords('x'.repeat(129))).toEqual([]);
    expect(possiblePasswords('\ufdfa'.repeat(100_000))).toEqual([]);
  });
});
