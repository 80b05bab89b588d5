import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

/** What every authenticator app understands (RFC 6238, section 4; RFC 4226, section 5.3). */
const STEP_SECONDS = 30;
const DIGITS = 6;
const ALGORITHM = 'SHA1';
/** One step before and one after: clocks differ, and typing takes time (RFC 6238, section 5.2). */
const DRIFT_STEPS = 1;
/** RFC 4226, section 4, requirement R6: as long as the hash. */
const SECRET_BYTES = 20;

export function createTotpSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** What an app needs to make the codes of a secret: the address of a QR code, and the secret for a user who types it. */
export function describeTotp(
  secret: Uint8Array,
  { issuer, account }: { readonly issuer: string; readonly account: string },
): { readonly uri: string; readonly secret: string } {
  const totp = totpOf(secret, issuer, account);
  return { uri: totp.toString(), secret: totp.secret.base32 };
}

/**
 * Finds the time step that a code belongs to, of the present one and its neighbours; null when it belongs to none. Whether it was used
 * before is for the caller to find out.
 *
 * @param code as it is typed: spaces do not matter
 * @param now in milliseconds
 */
export function findTotpStep(secret: Uint8Array, code: string, now: number = Date.now()): number | null {
  // Before anything is computed of it: a code may be megabytes of text.
  if (code.length > MAX_TYPED_CHARACTERS) return null;
  const digits = code.replaceAll(/\s/g, '');
  if (!/^[0-9]{6}$/.test(digits)) return null;
  const delta = totpOf(secret, '', '').validate({ token: digits, timestamp: now, window: DRIFT_STEPS });
  return delta === null ? null : Math.floor(now / 1000 / STEP_SECONDS) + delta;
}

const MAX_TYPED_CHARACTERS = 32;

function totpOf(secret: Uint8Array, issuer: string, label: string): TOTP {
  return new TOTP({
    issuer,
    label,
    algorithm: ALGORITHM,
    digits: DIGITS,
    period: STEP_SECONDS,
    secret: new Secret({ buffer: new Uint8Array(secret).buffer }),
  });
}
