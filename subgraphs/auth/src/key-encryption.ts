import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a secret is used for: each use has a key of its own. */
export type EncryptionPurpose = 'signing-keys' | 'totp';

export interface Opened {
  readonly plain: Buffer;
  /** What is to be stored in its place, when it was encrypted under the secret before the present one; null when it was not. */
  readonly renewed: Uint8Array<ArrayBuffer> | null;
}

/** Encrypts what is stored with a key derived from a secret (HKDF, RFC 5869; AES-256-GCM, NIST SP 800-38D). */
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

  function encrypt(plain: Buffer): Uint8Array<ArrayBuffer> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), body]));
  }

  return {
    encrypt,
    decrypt(stored) {
      try {
        return { plain: open(stored, key), renewed: null };
      } catch (error) {
        if (!previousKey) throw error;
        const plain = open(stored, previousKey);
        return { plain, renewed: encrypt(plain) };
      }
    },
  };
}

function open(stored: Uint8Array, key: Buffer): Buffer {
  const bytes = Buffer.from(stored);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
