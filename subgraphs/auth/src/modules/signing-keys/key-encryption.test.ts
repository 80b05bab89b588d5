import { describe, expect, it } from '@jest/globals';
import { createKeyEncryption } from './key-encryption.js';

const secret = 'a secret of at least thirty-two characters';

describe('createKeyEncryption', () => {
  it('gives back what it encrypted, each time in another form', () => {
    const encryption = createKeyEncryption(secret);
    const [first, second] = [encryption.encrypt(Buffer.from('key')), encryption.encrypt(Buffer.from('key'))];
    expect(encryption.decrypt(first).toString()).toBe('key');
    expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false);
  });

  it('refuses another secret and changed bytes', () => {
    const stored = createKeyEncryption(secret).encrypt(Buffer.from('key'));
    expect(() => createKeyEncryption(`${secret}!`).decrypt(stored)).toThrow();
    stored[stored.length - 1]! ^= 1;
    expect(() => createKeyEncryption(secret).decrypt(stored)).toThrow();
  });
});
