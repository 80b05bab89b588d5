import { describe, expect, it } from '@jest/globals';
import { createKeyEncryption } from './key-encryption.js';

const secret = 'a secret of at least thirty-two characters';

describe('createKeyEncryption', () => {
  it('gives back what it encrypted, each time in another form', () => {
    const encryption = createKeyEncryption(secret);
    const [first, second] = [encryption.encrypt(Buffer.from('key')), encryption.encrypt(Buffer.from('key'))];
    expect(encryption.decrypt(first).plain.toString()).toBe('key');
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false);
  });

  it('refuses another secret and changed bytes', () => {
    const stored = createKeyEncryption(secret).encrypt(Buffer.from('key'));
    expect(() => createKeyEncryption(`${secret}!`).decrypt(stored)).toThrow();
    stored[stored.length - 1]! ^= 1;
    expect(() => createKeyEncryption(secret).decrypt(stored)).toThrow();
  });

  it('opens what was stored under the secret before, and gives it back under the present one; one use does not open another', () => {
    const before = createKeyEncryption(secret);
    const stored = before.encrypt(Buffer.from('key'));
    const after = createKeyEncryption('the next secret of thirty-two characters', secret);
    const { plain, renewed } = after.decrypt(stored);
    expect(plain.toString()).toBe('key');
    expect(after.decrypt(renewed as Uint8Array)).toEqual({ plain: Buffer.from('key'), renewed: null });
    expect(() => before.decrypt(renewed as Uint8Array)).toThrow();
    expect(() => createKeyEncryption(secret, undefined, 'totp').decrypt(stored)).toThrow();
  });
});
