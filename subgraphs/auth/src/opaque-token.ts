import { createHash, randomBytes } from 'node:crypto';
import { OPAQUE_TOKEN_PATTERN } from '@taskgraph/contracts';

const TOKEN_BYTES = 32;

/** 256 random bits, base64url. Opaque: it means nothing outside the database. */
export function createOpaqueToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Reads the hash of a token that another process has made, as it is told: 32 bytes in base64url. */
export function readTokenHash(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

/** What is stored in place of the token, so that a stolen database opens no session. Null when it cannot be a token. */
export function hashOpaqueToken(token: string): Uint8Array<ArrayBuffer> | null {
  return OPAQUE_TOKEN_PATTERN.test(token) ? new Uint8Array(createHash('sha256').update(token).digest()) : null;
}
