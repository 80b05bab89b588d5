import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

export interface TicketsOptions {
  /** Shared by the processes that take each other's tickets; null for a process that takes its own only. */
  readonly secret: string | null;
  readonly lifetimeMs: number;
  readonly now?: () => number;
}

/**
 * Tickets stand in a URL for credentials, which do not belong there: URLs are kept in logs and histories. A ticket is good for one
 * request, word for word, and for a moment; it holds the credentials sealed, so that nothing has to be remembered of it, and they are
 * judged anew when it is used.
 */
export interface Tickets {
  /** @param request what the ticket is for */
  issue(authorization: string, request: string): string;
  /** Returns the credentials; null for what is no ticket, one that is for another request, or whose time is up. */
  redeem(ticket: string, request: string): string | null;
}

/** AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, section 8.2.2). */
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TIME_BYTES = 8;

export function createTickets({ secret, lifetimeMs, now = Date.now }: TicketsOptions): Tickets {
  const key = secret === null ? randomBytes(32) : createHash('sha256').update(`ticket ${secret}`).digest();
  return {
    issue(authorization, request) {
      const nonce = randomBytes(NONCE_BYTES);
      const expires = Buffer.alloc(TIME_BYTES);
      expires.writeDoubleBE(now() + lifetimeMs);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(request));
      const sealed = [cipher.update(expires), cipher.update(authorization, 'utf8'), cipher.final()];
      return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString('base64url');
    },
    redeem(ticket, request) {
      const bytes = Buffer.from(ticket, 'base64url');
      if (bytes.length < NONCE_BYTES + TIME_BYTES + TAG_BYTES) return null;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(request))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        const opened = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
        return now() < opened.readDoubleBE() ? opened.toString('utf8', TIME_BYTES) : null;
      } catch {
        // Sealed with another key, for another request, or not at all.
        return null;
      }
    },
  };
}
