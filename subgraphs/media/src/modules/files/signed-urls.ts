import { createHmac, timingSafeEqual } from 'node:crypto';
import { variantSlug, type FileVariant } from '../../storage/object-keys.js';

export interface SignedUrls {
  /** A URL that is good for one lifetime at least and two at most. */
  sign(mediaId: string, variant: FileVariant): string;
  verify(mediaId: string, variant: FileVariant, query: SignedQuery): Verdict;
  /** A URL of an export that is good for one lifetime, and not after the export has expired. */
  signExport(exportId: string, expiresAt: Date): string;
  verifyExport(exportId: string, query: SignedQuery): Verdict;
}

type Verdict = 'valid' | 'expired' | 'forged';

interface SignedQuery {
  readonly expires?: unknown;
  readonly signature?: unknown;
}

export interface SignedUrlOptions {
  readonly secret: string;
  /** The one before, whose URLs are still out. */
  readonly previousSecret?: string | undefined;
  readonly lifetimeSeconds: number;
  /** Known only once the service listens. */
  readonly publicUrl: () => string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Some 4 MB of URLs. */
const MAX_KEPT = 20_000;

/**
 * Signs URLs of files (HMAC-SHA256 over item, variant and time of expiry).
 *
 * Expiry is rounded up to a multiple of the lifetime: within that time one file has one URL, so browsers can cache it, and it is made
 * once: a board shows the pictures of every task.
 */
export function createSignedUrls({
  secret,
  previousSecret,
  lifetimeSeconds,
  publicUrl,
  now = Date.now,
}: SignedUrlOptions): SignedUrls {
  const signature = (of: string, expires: number, by = secret) =>
    createHmac('sha256', by).update(`${of}/${expires}`).digest();
  const ofFile = (mediaId: string, variant: FileVariant) => `${mediaId}/${variantSlug(variant)}`;
  const ofExport = (exportId: string) => `exports/${exportId}`;
  const kept = new Map<string, string>();
  let keptUntil = 0;

  return {
    sign(mediaId, variant) {
      const seconds = Math.floor(now() / 1000);
      const expires = (Math.floor(seconds / lifetimeSeconds) + 2) * lifetimeSeconds;
      if (expires !== keptUntil || kept.size >= MAX_KEPT) kept.clear();
      keptUntil = expires;
      const key = `${mediaId}/${variant}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const url = new URL(`/files/${mediaId}/${variantSlug(variant)}`, publicUrl());
      url.search = `expires=${expires}&signature=${signature(ofFile(mediaId, variant), expires).toString('base64url')}`;
      kept.set(key, url.href);
      return url.href;
    },
    verify: (mediaId, variant, query) => verify(ofFile(mediaId, variant), query),
    signExport(exportId, expiresAt) {
      const expires = Math.min(Math.floor(now() / 1000) + lifetimeSeconds, Math.floor(expiresAt.getTime() / 1000));
      const url = new URL(`/exports/${exportId}`, publicUrl());
      url.search = `expires=${expires}&signature=${signature(ofExport(exportId), expires).toString('base64url')}`;
      return url.href;
    },
    verifyExport: (exportId, query) => verify(ofExport(exportId), query),
  };

  function verify(of: string, query: SignedQuery): Verdict {
    if (typeof query.expires !== 'string' || !/^\d{1,12}$/.test(query.expires) || typeof query.signature !== 'string')
      return 'forged';
    const expires = Number(query.expires);
    const given = Buffer.from(query.signature, 'base64url');
    const isSignedBy = (by: string) => {
      const expected = signature(of, expires, by);
      return given.length === expected.length && timingSafeEqual(given, expected);
    };
    const matches = isSignedBy(secret) || (previousSecret !== undefined && isSignedBy(previousSecret));
    if (!matches || given.toString('base64url') !== query.signature) return 'forged';
    return now() / 1000 < expires ? 'valid' : 'expired';
  }
}
