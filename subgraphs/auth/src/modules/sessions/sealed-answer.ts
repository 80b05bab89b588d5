import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const answer = z.object({ accessToken: z.string(), refreshToken: z.string(), expiresAt: z.number() });

/** The pair of tokens that a refresh token was exchanged for. `expiresAt` is that of the access token, in milliseconds. */
export type RefreshAnswer = z.output<typeof answer>;

/**
 * Encrypts the answer to a refresh under the token that was presented (HKDF, RFC 5869; AES-256-GCM, NIST SP 800-38D): whoever has the
 * database and not the token learns nothing, and the service keeps no secret for it.
 */
export function sealAnswer(pair: RefreshAnswer, presentedToken: string): Uint8Array<ArrayBuffer> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(presentedToken), nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(pair), 'utf8'), cipher.final()]);
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), body]));
}

/** @throws when the token is another one or the bytes were changed */
export function openAnswer(sealed: Uint8Array, presentedToken: string): RefreshAnswer {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(presentedToken), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  return answer.parse(JSON.parse(plain.toString('utf8')));
}

function keyOf(presentedToken: string): Buffer {
  return Buffer.from(hkdfSync('sha256', presentedToken, 'taskgraph', 'refresh-answer', 32));
}

/** What tells one program from another, as far as it says what it is. */
export function fingerprintOf(userAgent: string | null): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    createHash('sha256')
      .update(userAgent ?? '')
      .digest(),
  );
}
