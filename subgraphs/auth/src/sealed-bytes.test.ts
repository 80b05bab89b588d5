import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openBytes, sealBytes } from './sealed-bytes.js';

describe('sealed bytes', () => {
  const key = randomBytes(32);

  it('open with their key alone, and never look the same twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (plain) => {
        const [one, other] = [sealBytes(plain, key), sealBytes(plain, key)];
        expect([...openBytes(one, key)]).toEqual([...plain]);
        expect(Buffer.from(one).equals(Buffer.from(other))).toBe(false);
        expect(() => openBytes(one, randomBytes(32))).toThrow();
      }),
    );
  });

  it('do not open where one of them was changed, or some are missing: a shorter tag, too', () => {
    const sealed = sealBytes(Buffer.from('a secret'), key);
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Uint8Array.from(sealed, (byte, at) => (at === index ? byte ^ 1 : byte));
      expect(() => openBytes(changed, key)).toThrow();
      expect(() => openBytes(sealed.subarray(0, index), key)).toThrow();
    }
  });
});
