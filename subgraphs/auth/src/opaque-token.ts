import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** base64url of 32 bytes. */
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;

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
  return TOKEN_PATTERN.test(token) ? new Uint8Array(createHash('sha256').update(token).digest()) : null;
}
