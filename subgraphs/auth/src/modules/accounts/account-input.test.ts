import { describe, expect, it } from '@jest/globals';
import { parseDisplayName, parseEmail, parseNewPassword } from './account-input.js';

const BAD = expect.objectContaining({ code: 'BAD_USER_INPUT' });

describe('account input', () => {
  it('stores addresses in one form', () => {
    expect(parseEmail('  Ada@Example.COM ')).toBe('ada@example.com');
  });

  it.each(['', 'ada', 'ada@', '@example.com', 'a b@example.com', `${'a'.repeat(250)}@example.com`])(
    'refuses the address %j',
    (email) => {
      expect(() => parseEmail(email)).toThrow(BAD);
    },
  );

  it.each(['', '   ', 'x'.repeat(81), 'Ada\nLovelace', 'Ada\u0000'])('refuses the name %j', (name) => {
    expect(() => parseDisplayName(name)).toThrow(BAD);
  });

  it('keeps spaces inside a password and refuses what is too short or too long', () => {
    expect(parseNewPassword(' ten chars ')).toBe(' ten chars ');
    expect(() => parseNewPassword('too short')).toThrow(BAD);
    expect(() => parseNewPassword('x'.repeat(129))).toThrow(BAD);
  });
});
