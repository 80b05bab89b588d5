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

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/.source;
/** Empty elements are none (section 5.6.1.2). */
const LIST = new RegExp(`^[ \\t,]*${TAG}(?:[ \\t]*,[ \\t,]*${TAG})*[ \\t,]*$`);
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

const TIME = /(?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d):(?<second>[0-5]\d|60)/.source;
/** The three forms of dates that recipients take (section 5.6.7): that of today, of RFC 850, and of asctime. */
const DATES = [
  `^[A-Z][a-z]{2}, (?<day>\\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} GMT$`,
  `^[A-Z][a-z]{5,8}, (?<day>\\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\\d{2}) ${TIME} GMT$`,
  `^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`,
].map((form) => new RegExp(form));
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function readDate(header: string | undefined): number | null {
  for (const form of header === undefined ? [] : DATES) {
    const { day, month = '', year = '', hour, minute, second } = form.exec(header ?? '')?.groups ?? {};
    const index = MONTHS.indexOf(month);
    if (index < 0) continue;
    const at = new Date(0);
    at.setUTCFullYear(year.length === 2 ? fullYear(Number(year)) : Number(year), index, Number(day));
    // A day that its month does not have.
    if (at.getUTCMonth() !== index) return null;
    return at.setUTCHours(Number(hour), Number(minute), Number(second));
  }
  return null;
}

/** More than fifty years ahead is the latest year of the past with the same two digits. */
function fullYear(lastDigits: number): number {
  const thisYear = new Date().getUTCFullYear();
  const year = thisYear - (thisYear % 100) + lastDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

/** Null for no header, undefined for one that cannot be read. */
function readTags(header: string | undefined): TagList | null | undefined {
  if (header === undefined) return null;
  if (header.trim() === '*') return '*';
  if (!LIST.test(header)) return undefined;
  return [...header.matchAll(EACH)].map(([, weak, tag = '']) => ({ tag, isWeak: weak !== undefined }));
}

/** What is there at present, as far as preconditions are held against it. Null where it has no such thing. */
interface Validators {
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
