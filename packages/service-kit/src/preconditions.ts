import type { IncomingHttpHeaders } from 'node:http';

/** What a request asks of the state of its resource (RFC 9110, section 13). */
export interface Preconditions {
  readonly ifMatch: TagList | null;
  readonly ifNoneMatch: TagList | null;
  /** In milliseconds since the epoch. */
  readonly ifUnmodifiedSince: number | null;
  readonly ifModifiedSince: number | null;
}

export type TagList = '*' | ReadonlyArray<{ readonly tag: string; readonly isWeak: boolean }>;

const LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*$/;
const EACH = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Null where a list of tags is not as RFC 9110 writes it. Dates that are none are not looked at (sections 13.1.3 and 13.1.4). */
export function readPreconditions(headers: IncomingHttpHeaders): Preconditions | null {
  const ifMatch = readTags(headers['if-match']);
  const ifNoneMatch = readTags(headers['if-none-match']);
  if (ifMatch === undefined || ifNoneMatch === undefined) return null;
  return {
    ifMatch,
    ifNoneMatch,
    ifUnmodifiedSince: readDate(headers['if-unmodified-since']),
    ifModifiedSince: readDate(headers['if-modified-since']),
  };
}

/** A date as servers send it (section 5.6.7), which is the only form that clients may send. */
const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function readDate(header: string | undefined): number | null {
  if (header === undefined || !DATE.test(header)) return null;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : at;
}

/** Null for no header, undefined for one that cannot be read. */
function readTags(header: string | undefined): TagList | null | undefined {
  if (header === undefined) return null;
  if (header.trim() === '*') return '*';
  if (!LIST.test(header)) return undefined;
  return [...header.matchAll(EACH)].map(([, weak, tag = '']) => ({ tag, isWeak: weak !== undefined }));
}

/** What is there at present, as far as preconditions are held against it. Null where it has no such thing. */
export interface Validators {
  /** In quotes; strong. */
  readonly etag: string | null;
  readonly lastModified: Date | null;
}

/**
 * What becomes of a request for something that is there (section 13.2.2). Without a tag it is in no state that `If-Match` may name, and
 * every tag in `If-None-Match` is another one.
 */
export function evaluate(preconditions: Preconditions, { etag, lastModified }: Validators, isSafe: boolean): Outcome {
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince, ifModifiedSince } = preconditions;
  // Dates of HTTP have whole seconds.
  const changedAt = lastModified && Math.floor(lastModified.getTime() / 1_000) * 1_000;
  if (ifMatch !== null) {
    if (ifMatch !== '*' && !ifMatch.some(({ isWeak, tag }) => !isWeak && tag === etag)) return 412;
  } else if (ifUnmodifiedSince !== null && changedAt !== null && changedAt > ifUnmodifiedSince) return 412;
  if (ifNoneMatch !== null) {
    if (ifNoneMatch === '*' || ifNoneMatch.some(({ tag }) => tag === etag)) return isSafe ? 304 : 412;
  } else if (isSafe && ifModifiedSince !== null && changedAt !== null && changedAt <= ifModifiedSince) return 304;
  return 'go';
}

export type Outcome = 'go' | 304 | 412;
