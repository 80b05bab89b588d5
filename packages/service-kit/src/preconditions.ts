import type { IncomingHttpHeaders } from 'node:http';

/** What a request asks of the state of its resource (RFC 9110, section 13). */
export interface Preconditions {
  readonly ifMatch: TagList | null;
  readonly ifNoneMatch: TagList | null;
}

export type TagList = '*' | ReadonlyArray<{ readonly tag: string; readonly isWeak: boolean }>;

const LIST = /^\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*$/;
const EACH = /(W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Null where a header is not as RFC 9110 writes it. */
export function readPreconditions(headers: IncomingHttpHeaders): Preconditions | null {
  const ifMatch = readTags(headers['if-match']);
  const ifNoneMatch = readTags(headers['if-none-match']);
  return ifMatch === undefined || ifNoneMatch === undefined ? null : { ifMatch, ifNoneMatch };
}

/** Null for no header, undefined for one that cannot be read. */
function readTags(header: string | undefined): TagList | null | undefined {
  if (header === undefined) return null;
  if (header.trim() === '*') return '*';
  if (!LIST.test(header)) return undefined;
  return [...header.matchAll(EACH)].map(([, weak, tag = '']) => ({ tag, isWeak: weak !== undefined }));
}

export function tagOf(version: number): string {
  return `"${version}"`;
}

/** The version that one strong tag names; null for whatever has to be held against the present one. */
export function onlyVersion(list: TagList): number | null {
  if (list === '*' || list.length !== 1 || list[0]?.isWeak) return null;
  const [, digits] = /^"(0|[1-9]\d{0,8})"$/.exec(list[0]?.tag ?? '') ?? [];
  return digits === undefined ? null : Number(digits);
}

/** What becomes of a request for something that has this tag (section 13.2.2). */
export function evaluate({ ifMatch, ifNoneMatch }: Preconditions, tag: string, isSafe: boolean): 'go' | 304 | 412 {
  if (ifMatch !== null && ifMatch !== '*' && !ifMatch.some((each) => !each.isWeak && each.tag === tag)) return 412;
  if (ifNoneMatch !== null && (ifNoneMatch === '*' || ifNoneMatch.some((each) => each.tag === tag)))
    return isSafe ? 304 : 412;
  return 'go';
}
