import { createHash } from 'node:crypto';
import { Secret } from 'otpauth';

const COUNT = 10;
/** 120 random bits: from 112 on a code needs no slow hash (NIST SP 800-63B, section 3.1.2.2). */
const BYTES = 15;
const CHARACTERS = 24;
const GROUP = 6;
const PATTERN = /^[a-z2-7]{24}$/;
const MAX_TYPED_CHARACTERS = 64;

/** Codes that stand in for the authenticator, in groups of characters that are not taken for one another. */
export function createRecoveryCodes(): string[] {
  return Array.from({ length: COUNT }, () => {
    const text = new Secret({ size: BYTES }).base32.toLowerCase();
    if (text.length !== CHARACTERS) throw new Error('a recovery code does not have its own form');
    return Array.from({ length: CHARACTERS / GROUP }, (_, group) =>
      text.slice(group * GROUP, (group + 1) * GROUP),
    ).join('-');
  });
}

/** What is stored in place of a code. Letter case, spaces and hyphens do not matter. Null when it cannot be a code. */
export function hashRecoveryCode(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length > MAX_TYPED_CHARACTERS) return null;
  const code = text.toLowerCase().replaceAll(/[\s-]/g, '');
  return PATTERN.test(code) ? new Uint8Array(createHash('sha256').update(code).digest()) : null;
}
