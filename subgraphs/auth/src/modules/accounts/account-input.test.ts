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

  it('counts the characters of a name, and not the units that they are made of', () => {
    expect(parseDisplayName('😀'.repeat(80))).toBe('😀'.repeat(80));
    expect(() => parseDisplayName('😀'.repeat(81))).toThrow(BAD);
  });

  it.each(['', '   ', '\u200b\u200d', '\u202e\u200f', '\u3164', 'x'.repeat(81), 'Ada\nLovelace', 'Ada\u0000'])(
    'refuses the name %j',
    (name) => {
      expect(() => parseDisplayName(name)).toThrow(BAD);
    },
  );

  it.each(
    ['Ada\u2028Lovelace', 'Ada\u2029', 'nimda\u202e', ...'\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069'].map(
      (name) => `${name}x`,
    ),
  )('refuses the name %j, which would move what stands beside it', (name) => {
    expect(() => parseDisplayName(name)).toThrow(BAD);
  });

  it.each(['עדה לאבלייס', 'آدا لوفليس', 'Ada \u200f(עדה)', 'नेहा शर्मा\u200d', '👩\u200d🔬 Ada'])(
    'takes the name %j',
    (name) => {
      expect(parseDisplayName(` ${name} `)).toBe(name.normalize('NFC'));
    },
  );
});
