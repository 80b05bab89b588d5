import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { MediaKind } from '../../media-kinds.js';
import { ICON_SIDE } from './icons.js';
import { fileSlug, type FileFormat, type FileVariant, type NamedFile } from '../../storage/object-keys.js';

export interface SignedUrls {
  /** A URL that is good for one lifetime at least and two at most; without a format, it answers the one that its reader prefers. */
  sign(media: RevisedMedia, variant: FileVariant, format?: FileFormat | null): string;
  /** Whether a URL is good for the revision that it names; whether that is the item's is the caller's to say. */
  verify(mediaId: string, file: NamedFile, query: SignedQuery): Verdict;
  /** A URL of an export that is good for one lifetime, and not after the export has expired. */
  signExport(exportId: string, expiresAt: Date): string;
  verifyExport(exportId: string, query: SignedQuery): Verdict;
  /** What stands for a file of which there is no picture; for everybody. */
  icon(kind: MediaKind): Icon;
  /** A URL that takes the bytes of one user's upload until it expires. */
  signUpload(upload: UploadOfUser): string;
  verifyUpload(upload: Omit<UploadOfUser, 'expiresAt'>, query: SignedQuery): Verdict;
}

export interface Icon {
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly mimeType: string;
}

export interface UploadOfUser {
  readonly id: string;
  readonly userId: string;
  readonly expiresAt: Date;
}

export interface RevisedMedia {
  readonly id: string;
  /** How often its file was replaced. */
  readonly revision: number;
}

type Verdict = 'valid' | 'expired' | 'forged';

interface SignedQuery {
  readonly expires?: unknown;
  readonly key?: unknown;
  readonly signature?: unknown;
  /** None is that of a file that was never replaced. */
  readonly revision?: unknown;
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

/** Which revision of a file a URL names; null where that is no number. */
export function revisionOf({ revision = '0' }: SignedQuery): number | null {
  return typeof revision === 'string' && /^\d{1,9}$/.test(revision) ? Number(revision) : null;
}

/**
 * Signs URLs of files (HMAC-SHA256 over item, file, revision and time of expiry), and names the key in them, so that keys rotate. A cache
 * that keeps the answer of a URL keeps one file: another in its place has another URL.
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
  const keys = [secret, ...(previousSecret === undefined ? [] : [previousSecret])].map((text) => ({
    id: keyId(text),
    text,
  }));
  const own = keyId(secret);
  const signature = (of: string, expires: number, by = secret) =>
    createHmac('sha256', by).update(`${of}/${expires}`).digest();
  const queryOf = (of: string, expires: number) =>
    `expires=${expires}&key=${own}&signature=${signature(of, expires).toString('base64url')}`;
  const ofExport = (exportId: string) => `exports/${exportId}`;
  const ofUpload = ({ id, userId }: Omit<UploadOfUser, 'expiresAt'>) => `uploads/${id}/${userId}`;
  const kept = new Map<string, string>();
  let keptUntil = 0;

  return {
    sign({ id, revision }, variant, format = null) {
      const seconds = Math.floor(now() / 1000);
      const expires = (Math.floor(seconds / lifetimeSeconds) + 2) * lifetimeSeconds;
      if (expires !== keptUntil || kept.size >= MAX_KEPT) kept.clear();
      keptUntil = expires;
      const file = `${id}/${fileSlug({ variant, format })}`;
      const key = ofRevision(file, revision);
      const known = kept.get(key);
      if (known !== undefined) return known;
      const url = new URL(`/files/${file}`, publicUrl());
      url.search = `${revision === 0 ? '' : `revision=${revision}&`}${queryOf(key, expires)}`;
      kept.set(key, url.href);
      return url.href;
    },
    verify(mediaId, file, query) {
      const revision = revisionOf(query);
      return revision === null ? 'forged' : verify(ofRevision(`${mediaId}/${fileSlug(file)}`, revision), query);
    },
    signExport(exportId, expiresAt) {
      const expires = Math.min(Math.floor(now() / 1000) + lifetimeSeconds, Math.floor(expiresAt.getTime() / 1000));
      const url = new URL(`/exports/${exportId}`, publicUrl());
      url.search = queryOf(ofExport(exportId), expires);
      return url.href;
    },
    verifyExport: (exportId, query) => verify(ofExport(exportId), query),
    icon: (kind) => ({
      url: new URL(`/icons/${kind}.svg`, publicUrl()).href,
      width: ICON_SIDE,
      height: ICON_SIDE,
      mimeType: 'image/svg+xml',
    }),
    signUpload(upload) {
      const url = new URL(`/uploads/${upload.id}`, publicUrl());
      url.search = queryOf(ofUpload(upload), Math.floor(upload.expiresAt.getTime() / 1000));
      return url.href;
    },
    verifyUpload: (upload, query) => verify(ofUpload(upload), query),
  };

  function verify(of: string, query: SignedQuery): Verdict {
    if (typeof query.expires !== 'string' || !/^\d{1,12}$/.test(query.expires) || typeof query.signature !== 'string')
      return 'forged';
    const expires = Number(query.expires);
    const given = Buffer.from(query.signature, 'base64url');
    // URLs from before keys were named are good until they expire.
    const candidates = query.key === undefined ? keys : keys.filter(({ id }) => id === query.key);
    const matches = candidates.some(({ text }) => {
      const expected = signature(of, expires, text);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    if (!matches || given.toString('base64url') !== query.signature) return 'forged';
    return now() / 1000 < expires ? 'valid' : 'expired';
  }
}

/** URLs of files that were never replaced are as they were before any could be. */
function ofRevision(file: string, revision: number): string {
  return revision === 0 ? file : `${file}@${revision}`;
}

/** Tells one key from another, and nothing of either. */
function keyId(secret: string): string {
  return createHash('sha256').update(`key ${secret}`).digest('base64url').slice(0, 8);
}
