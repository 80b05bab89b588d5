import { REQUEST_ID_HEADER } from '../request/headers.js';
import HttpCachePolicy from 'http-cache-semantics';
import { LRUCache } from 'lru-cache';
import { readDirectives, secondsOf, type CacheDirectives } from './cache-directives.js';
import type { Audience, CachePolicy } from './cache-policy.js';

/** What is known of an answer over HTTP. */
export interface AnswerFacts {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** When it was asked for and when it came; milliseconds since the epoch. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** What the texts of an answer's headers say, whenever it comes. */
interface Terms {
  readonly audience: Audience;
  readonly sharedSeconds: number;
  readonly privateSeconds: number;
  readonly mustRevalidate: boolean;
}

const KNOWN_TEXTS = 1_000;
/** A header that is longer says nothing that anybody means; what it says is read once. */
const MAX_HEADER_CHARACTERS = 1_024;
const knownDirectives = new LRUCache<string, { readonly directives: CacheDirectives | null }>({ max: KNOWN_TEXTS });
const knownTerms = new LRUCache<string, { readonly terms: Terms | null }>({ max: KNOWN_TEXTS });

/**
 * Reads for how long and for whom an answer of a subgraph may be kept (RFC 9111); null for not at all.
 *
 * Only answers with status 200 are kept, and only those that say for how long: nothing is guessed. Each counts as asked for
 * with credentials, so that nobody gets what was fetched for others unless the answer says `public`, `s-maxage` or
 * `must-revalidate` (section 3.5). `stale-while-revalidate`, `stale-if-error` and `immutable` allow what is not done here.
 */
export function readAnswerPolicy({ status, headers, sentAt, receivedAt }: AnswerFacts): CachePolicy | null {
  const cacheControl = textOf(headers['cache-control']);
  const expires = textOf(headers['expires']);
  if (status !== 200 || (cacheControl === undefined && expires === undefined)) return null;
  const directives = directivesOf(cacheControl ?? '');
  // With a list of fields too: which of them an answer in GraphQL is made of cannot be said by their names.
  if (!directives || directives.has('no-cache') || directives.has('no-store')) return null;
  const date = Date.parse(textOf(headers['date']) ?? '');
  const terms = termsOf(directives, {
    cacheControl,
    vary: textOf(headers['vary']),
    pragma: cacheControl === undefined ? textOf(headers['pragma']) : undefined,
    setsCookie: headers['set-cookie'] !== undefined,
    // Expires is ignored where a directive names a time.
    expires: expires === undefined ? undefined : { expires, date: new Date(date || receivedAt).toUTCString() },
  });
  if (!terms) return null;
  const ageMs = 1000 * Math.max(ageOf(textOf(headers['age'])), apparentAge(date, receivedAt));
  const sharedUntil = terms.audience === 'EVERYBODY' ? sentAt + 1000 * terms.sharedSeconds - ageMs : 0;
  const privateUntil = sentAt + 1000 * terms.privateSeconds - ageMs;
  if (sharedUntil <= receivedAt && privateUntil <= receivedAt) return null;
  const { audience, mustRevalidate } = terms;
  return { audience, askedAt: sentAt, sharedUntil, privateUntil, mustRevalidate };
}

/** Whether an answer is for the one client for whom it was asked, and for no other that sends the same. */
export function isForOneClient(headers: AnswerFacts['headers']): boolean {
  const directives = directivesOf(textOf(headers['cache-control']) ?? '');
  if (!directives || directives.has('private')) return true;
  return headers['set-cookie'] !== undefined && directives.get('public') !== true;
}

interface HeaderTexts {
  readonly cacheControl: string | undefined;
  readonly vary: string | undefined;
  readonly pragma: string | undefined;
  readonly setsCookie: boolean;
  readonly expires: { readonly expires: string; readonly date: string } | undefined;
}

function directivesOf(cacheControl: string): CacheDirectives | null {
  if (cacheControl.length > MAX_HEADER_CHARACTERS) return null;
  let entry = knownDirectives.get(cacheControl);
  if (!entry) knownDirectives.set(cacheControl, (entry = { directives: readDirectives(cacheControl) }));
  return entry.directives;
}

function termsOf(directives: CacheDirectives, texts: HeaderTexts): Terms | null {
  const { cacheControl = '', vary = '', pragma = '', expires } = texts;
  if (vary.length + pragma.length > MAX_HEADER_CHARACTERS) return null;
  const key = `${cacheControl}\n${vary}\n${pragma}\n${texts.setsCookie}${expires ? `\n${expires.expires}\n${expires.date}` : ''}`;
  let entry = knownTerms.get(key);
  if (!entry) knownTerms.set(key, (entry = { terms: readTerms(directives, texts) }));
  return entry.terms;
}

/** What every client's fetch carries alike; whose answer one by its token is, is read with its terms. */
const ALIKE: ReadonlySet<string> = new Set([
  '',
  'accept',
  'accept-encoding',
  'authorization',
  'content-type',
  'origin',
]);

/** Whether an answer may be another for a client with other headers than these (RFC 9110, 12.5.5), where those of clients go on. */
export function variesByClient(headers: AnswerFacts['headers']): boolean {
  return namesIn(textOf(headers['vary'])).some((name) => !ALIKE.has(name));
}

function namesIn(vary = ''): string[] {
  return vary
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
}

function readTerms(directives: CacheDirectives, { vary, pragma, setsCookie, expires }: HeaderTexts): Terms | null {
  // What each fetch carries another of, or what nobody can know.
  const varies = namesIn(vary);
  if (varies.includes('*') || varies.includes(REQUEST_ID_HEADER)) return null;
  const isPublic = directives.get('public') === true && !directives.has('private');
  // A cookie is for one client.
  if (setsCookie && !isPublic) return null;
  const headers = {
    'cache-control': writePlainly(directives),
    ...(pragma !== undefined && { pragma }),
    ...(setsCookie && { 'set-cookie': 'of one client' }),
    ...expires,
  };
  const lifetime = (shared: boolean) => lifetimeOf(headers, shared);
  const privateSeconds = lifetime(false);
  const sharedSeconds = varies.includes('authorization') ? 0 : lifetime(true);
  if (sharedSeconds === 0 && privateSeconds === 0) return null;
  // Where several clients send no credentials, they share what they get alike.
  const isForOne = directives.has('private') || directives.has('s-maxage');
  const audience = sharedSeconds > 0 ? 'EVERYBODY' : isForOne ? 'ONE' : 'ALIKE';
  const mustRevalidate = directives.has('must-revalidate') || directives.has('proxy-revalidate');
  return { audience, sharedSeconds, privateSeconds, mustRevalidate };
}

/** Of a POST with credentials. */
const REQUEST = { method: 'POST', url: '/', headers: { authorization: 'of somebody' } };
const NO_GUESSES = { cacheHeuristic: 0, immutableMinTimeToLive: 0 };

/** Seconds of freshness, counted from when the answer was made. */
function lifetimeOf(headers: Record<string, string>, shared: boolean): number {
  const policy = new HttpCachePolicy(REQUEST, { status: 200, headers }, { shared, ...NO_GUESSES });
  return policy.storable() ? policy.maxAge() : 0;
}

const PERMISSIONS = ['public', 'must-revalidate'];

/** In the form in which nothing can be misread: what decides, once, in lower case and unquoted. */
function writePlainly(directives: CacheDirectives): string {
  const parts = [
    ...['max-age', 's-maxage'].flatMap((name) => {
      const seconds = secondsOf(directives, name);
      return seconds === undefined ? [] : [`${name}=${seconds}`];
    }),
    ...PERMISSIONS.filter((name) => directives.get(name) === true),
    ...(directives.has('private') ? ['private'] : []),
  ];
  return parts.join(', ');
}

/** What the `Age` header says; what is no number of seconds says nothing (RFC 9111, 5.1). */
function ageOf(text: string | undefined): number {
  const ages = (text ?? '').split(',').map((each) => each.trim());
  return Math.max(0, ...ages.filter((each) => /^\d+$/.test(each)).map(Number));
}

/** How old the `Date` of an answer was when it came, in whole seconds as dates have them (RFC 9111, 4.2.3). */
function apparentAge(date: number, receivedAt: number): number {
  return Number.isNaN(date) ? 0 : Math.max(0, Math.floor((receivedAt - date) / 1000));
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.join(', ');
}
