/**
 * The clients that may get a kept answer; each is a part of the one before. EVERYBODY: what is said to be `public`. ALIKE: those that
 * send the same credentials, or like the first one none at all. ONE: a single client, which only its token tells from others.
 */
export type Audience = 'EVERYBODY' | 'ALIKE' | 'ONE';

/** How long an answer stays true, and for whom (RFC 9111). Times are milliseconds since the epoch, ages subtracted. */
export interface CachePolicy {
  readonly audience: Audience;
  /** When it was asked for. */
  readonly askedAt: number;
  /** Until when caches that serve several clients may use it; 0 when they must not keep it. */
  readonly sharedUntil: number;
  /** Until when caches of one client may use it. */
  readonly privateUntil: number;
  /** Whether it must not be used later, not even by a cache that is cut off. */
  readonly mustRevalidate: boolean;
}

const BREADTH: Readonly<Record<Audience, number>> = { ONE: 0, ALIKE: 1, EVERYBODY: 2 };

function narrower(one: Audience, other: Audience): Audience {
  return BREADTH[one] < BREADTH[other] ? one : other;
}

/** The policy of what is made of two: the shorter times, the narrower audience. */
export function restrict(one: CachePolicy | null, other: CachePolicy | null): CachePolicy | null {
  if (!one || !other) return null;
  return {
    audience: narrower(one.audience, other.audience),
    askedAt: Math.min(one.askedAt, other.askedAt),
    sharedUntil: Math.min(one.sharedUntil, other.sharedUntil),
    privateUntil: Math.min(one.privateUntil, other.privateUntil),
    mustRevalidate: one.mustRevalidate || other.mustRevalidate,
  };
}

/** The same answer for its client alone. */
export function forOne(policy: CachePolicy): CachePolicy {
  return { ...policy, audience: 'ONE', sharedUntil: 0 };
}

/** Until when this process may use it for this audience. */
export function keptUntil({ audience, sharedUntil, privateUntil }: CachePolicy): number {
  return audience === 'EVERYBODY' ? sharedUntil : privateUntil;
}

/**
 * Writes what a client, and caches on its way, may do with an answer. Seconds that have begun count as left, as those of an
 * `Age` do (RFC 9111, 1.2.2). What browsers may keep and what caches for several may are two times.
 */
export function writeCacheControl(policy: CachePolicy | null, now: number): string {
  if (!policy) return 'no-store';
  const shared = policy.audience === 'EVERYBODY' ? secondsLeft(policy.sharedUntil, now) : 0;
  const own = secondsLeft(policy.privateUntil, now);
  if (shared === 0 && own === 0) return 'no-store';
  const more = policy.mustRevalidate ? ', must-revalidate' : '';
  if (shared === 0) return `max-age=${own}, private${more}`;
  return `max-age=${own}${shared === own ? '' : `, s-maxage=${shared}`}, public${more}`;
}

/** What Apollo's `@cacheControl` knows of an answer: one time, for caches of one client or for all. */
export interface CacheHint {
  /** Seconds; 0 for an answer that must not be kept. */
  readonly maxAge: number;
  readonly scope?: 'PUBLIC' | 'PRIVATE';
}

/** The same as {@link writeCacheControl} says, as far as one time can say it: of two, the shorter. */
export function toCacheHint(policy: CachePolicy | null, now: number): CacheHint {
  if (!policy) return UNCACHEABLE;
  const own = secondsLeft(policy.privateUntil, now);
  if (policy.audience !== 'EVERYBODY' || policy.sharedUntil <= now) return { maxAge: own, scope: 'PRIVATE' };
  return { maxAge: Math.min(own, secondsLeft(policy.sharedUntil, now)), scope: 'PUBLIC' };
}

const UNCACHEABLE: CacheHint = { maxAge: 0 };

function secondsLeft(until: number, now: number): number {
  return Math.max(0, Math.ceil((until - now) / 1000));
}
