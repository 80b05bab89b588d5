import { hkdfSync } from 'node:crypto';
import { openBytes, sealBytes } from './sealed-bytes.js';

/** What a secret is used for: each use has a key of its own. */
export type EncryptionPurpose = 'signing-keys' | 'totp';

export interface Opened {
  readonly plain: Buffer;
  /** What is to be stored in its place, when it was encrypted under the secret before the present one; null when it was not. */
  readonly renewed: Uint8Array<ArrayBuffer> | null;
}

/** Encrypts what is stored with a key derived from a secret (HKDF, RFC 5869). */
export interface KeyEncryption {
  encrypt(plain: Buffer): Uint8Array<ArrayBuffer>;
  /** @throws when the secret is another one or the bytes were changed */
  decrypt(stored: Uint8Array): Opened;
}

/** @param previous opens what was stored before the secret was changed, until all of it is encrypted under the present one */
export function createKeyEncryption(
  secret: string,
  previous?: string,
  purpose: EncryptionPurpose = 'signing-keys',
): KeyEncryption {
  const derive = (from: string) => Buffer.from(hkdfSync('sha256', from, 'taskgraph', purpose, 32));
  const key = derive(secret);
  const previousKey = previous === undefined ? null : derive(previous);

  const encrypt = (plain: Buffer) => sealBytes(plain, key);

  return {
    encrypt,
    decrypt(stored) {
      try {
        return { plain: openBytes(stored, key), renewed: null };
      } catch (error) {
        if (!previousKey) throw error;
        const plain = openBytes(stored, previousKey);
        return { plain, renewed: encrypt(plain) };
      }
    },
  };
}
