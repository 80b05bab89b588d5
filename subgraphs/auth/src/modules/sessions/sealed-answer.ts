import { createHash, hkdfSync } from 'node:crypto';
import { z } from 'zod';
import { openBytes, sealBytes } from '../../sealed-bytes.js';

const answer = z.object({ accessToken: z.string(), refreshToken: z.string(), expiresAt: z.number() });

/** The pair of tokens that a refresh token was exchanged for. `expiresAt` is that of the access token, in milliseconds. */
export type RefreshAnswer = z.output<typeof answer>;

/**
 * Encrypts the answer to a refresh under the token that was presented (HKDF, RFC 5869): a holder of the
 * database without the token learns nothing, and the service keeps no secret for it.
 */
export function sealAnswer(pair: RefreshAnswer, presentedToken: string): Uint8Array<ArrayBuffer> {
  return sealBytes(Buffer.from(JSON.stringify(pair)), keyOf(presentedToken));
}

/** @throws when the token is another one or the bytes were changed */
export function openAnswer(sealed: Uint8Array, presentedToken: string): RefreshAnswer {
  return answer.parse(JSON.parse(openBytes(sealed, keyOf(presentedToken)).toString('utf8')));
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
