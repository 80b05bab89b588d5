import { describe, expect, it } from '@jest/globals';
import { parseDisplayName, parseEmail } from './account-input.js';

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

  it.each(['', '   ', '\u200b\u200d', '\u202e\u200f', '\u3164', 'x'.repeat(81), 'Ada\nLovelace', 'Ada\u0000'])(
    'refuses the name %j',
    (name) => {
      expect(() => parseDisplayName(name)).toThrow(BAD);
    },
  );
});
