import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readAnswerPolicy } from './answer-policy.js';
import { readDirectives } from './cache-directives.js';
import { restrict, toCacheHint, writeCacheControl, type CachePolicy } from './cache-policy.js';

const SEED = 9111;
const NOW = 1_800_000_000_000;
const LONGEST = 100;

/** One part of an answer, as a subgraph may say how long it stays true. */
interface Part {
  readonly maxAge: number | null;
  readonly sMaxAge: number | null;
  readonly directives: readonly string[];
  readonly age: number;
  /** Seconds since it was asked for. */
  readonly askedAgo: number;
  /** How it is spelled. */
  readonly turn: number;
}

const seconds = fc.integer({ min: 0, max: LONGEST - 1 });
const part: fc.Arbitrary<Part> = fc.record({
  maxAge: fc.option(seconds, { freq: 5 }),
  sMaxAge: fc.option(seconds, { freq: 1 }),
  directives: fc.subarray([
    'public',
    'private',
    'must-revalidate',
    'no-store',
    'no-cache',
    'immutable',
    'x="a, private"',
  ]),
  age: fc.integer({ min: 0, max: 20 }),
  askedAgo: fc.integer({ min: 0, max: 20 }),
  turn: fc.nat(),
});
/** Most parts are public: else hardly any answer would be. */
const openPart = fc.oneof({ weight: 2, arbitrary: part.map((each) => ({ ...each, directives: ['public'] })) }, part);

function spell({ maxAge, sMaxAge, directives, turn }: Part): string {
  const all = [...directives];
  if (maxAge !== null) all.push(turn % 2 ? `max-age=${maxAge}` : `Max-Age="${maxAge}"`);
  if (sMaxAge !== null) all.push(turn % 3 ? `s-maxage=${sMaxAge}` : `S-MAXAGE=${sMaxAge}, s-maxage=${sMaxAge}`);
  for (let index = 0; index < all.length; index += 1)
    if ((turn >> index) % 2) all.push(all.splice(0, 1)[0]?.replace(/^[a-z-]+$/, (name) => name.toUpperCase()) ?? '');
  return all.join(turn % 5 ? ', ' : ' ,,');
}

function policyOf(each: Part): CachePolicy | null {
  const sentAt = NOW - 1000 * each.askedAgo;
  const headers = { 'cache-control': spell(each), age: String(each.age) };
  return readAnswerPolicy({ status: 200, headers, sentAt, receivedAt: sentAt });
}

/** Whether a cache may use a part after so many seconds: the rules one by one. */
function mayUse({ maxAge, sMaxAge, directives, age, askedAgo }: Part, after: number, isShared: boolean): boolean {
  const says = (name: string) => directives.includes(name);
  if (says('no-store') || says('no-cache')) return false;
  if (!isShared) return maxAge !== null && age + askedAgo + after < maxAge;
  if (says('private')) return false;
  if (!says('public') && !says('must-revalidate') && sMaxAge === null) return false;
  return age + askedAgo + after < (sMaxAge ?? maxAge ?? 0);
}

function expected(parts: readonly Part[]): string {
  const secondsFor = (isShared: boolean) => {
    let after = 0;
    while (parts.every((each) => mayUse(each, after, isShared))) after += 1;
    return after;
  };
  const [own, shared] = [secondsFor(false), secondsFor(true)];
  if (own === 0 && shared === 0) return 'no-store';
  const must = parts.some(({ directives }) => directives.includes('must-revalidate')) ? ', must-revalidate' : '';
  if (shared === 0) return `max-age=${own}, private${must}`;
  return `max-age=${own}${own === shared ? '' : `, s-maxage=${shared}`}, public${must}`;
}

describe('what clients are told of an answer', () => {
  it('is what all of its parts allow, second by second', () => {
    const told = new Set<string>();
    fc.assert(
      fc.property(fc.array(openPart, { minLength: 1, maxLength: 4 }), (parts) => {
        const policies = parts.map(policyOf);
        const merged = policies.reduce(restrict, policies[0] ?? null);
        const text = writeCacheControl(merged, NOW);
        told.add(text.replace(/\d+/g, 'n'));
        expect(text).toBe(expected(parts));
      }),
      { numRuns: 5_000, seed: SEED },
    );
    // All forms have been there.
    expect(told.size).toBe(7);
  });
});

describe('a header of a subgraph', () => {
  const member = fc.oneof(
    fc.constantFrom('max-age=60', 'max-age=5', 's-maxage=60', 'public', 'must-revalidate', 'private', 'no-store'),
    fc.constantFrom(
      'private="a"',
      'no-cache="b"',
      'max-age',
      'max-age="60"',
      'MAX-AGE=x',
      ' ',
      'x=";',
      'public=1',
      '=',
    ),
    fc.string({ maxLength: 8 }),
  );
  const lines = fc.array(member, { maxLength: 5 });
  const read = (members: readonly string[]) =>
    readAnswerPolicy({ status: 200, headers: { 'cache-control': members.join(',') }, sentAt: NOW, receivedAt: NOW });

  it('never allows more when it restricts more', () => {
    const restriction = fc.constantFrom('private', 'Private="a, b"', 'no-store', 'NO-CACHE', 'no-cache="a"', '"');
    fc.assert(
      fc.property(lines, restriction, fc.nat(5), (members, more, place) => {
        const [before, after] = [read(members), read(members.toSpliced(place, 0, more))];
        // An open quotation takes what follows for its own, to its end: that is another header.
        fc.pre(!members.join('').includes('"'));
        if (!after) return;
        expect(before).not.toBeNull();
        expect(restrict(before, after)).toEqual({ ...after, mustRevalidate: before?.mustRevalidate });
      }),
      { numRuns: 3_000, seed: SEED },
    );
  });

  it('is read or refused as a whole, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          lines.map((members) => members.join(',')),
        ),
        (text) => {
          const directives = readDirectives(text);
          for (const name of directives?.keys() ?? []) expect(text.toLowerCase()).toContain(name);
        },
      ),
      { numRuns: 3_000, seed: SEED },
    );
  });
});

it('is told to Apollo as to clients, with the shorter of two times', () => {
  const until = fc.integer({ min: -5_000, max: 100_000 }).map((ms) => NOW + ms);
  const policy: fc.Arbitrary<CachePolicy> = fc.record({
    audience: fc.constantFrom('EVERYBODY', 'ALIKE', 'ONE'),
    askedAt: fc.constant(NOW),
    sharedUntil: until,
    privateUntil: until,
    mustRevalidate: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.option(policy), (given) => {
      const header = writeCacheControl(given, NOW);
      const { maxAge, scope = 'PUBLIC' } = toCacheHint(given, NOW);
      const [, age = '0', , shared = age] = /^max-age=(\d+)(, s-maxage=(\d+))?/.exec(header) ?? [];
      expect(maxAge).toBe(Math.min(Number(age), Number(shared)));
      if (maxAge > 0) expect(header).toContain(`, ${scope.toLowerCase()}`);
    }),
    { numRuns: 2_000, seed: SEED },
  );
});
