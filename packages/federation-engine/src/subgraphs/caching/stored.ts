import type { GraphQLFormattedError } from 'graphql';
import { isPlain, type SubgraphAnswer } from '../subgraph-client.js';
import { restrict, type Audience, type CachePolicy } from '../cache-policy.js';

/** What is kept of one entity, or of one fetch of root fields. */
export interface Stored {
  readonly policy: CachePolicy;
  /** Until when it is used here; milliseconds since the epoch. */
  readonly until: number;
  /** JSON: a caller that is given it parses a copy, because answers are changed. */
  readonly text: string;
}

/** Something that can be written as JSON. A cache in the same process may give it back as it is: nobody changes what was kept. */
export type CacheValue = string | number | Stored;

/** When that which could have changed something was changed last: milliseconds since the epoch, and {@link NEVER}. */
export type ChangedAt = number;
export const NEVER = -Infinity;

/** What markers say, of which the last one counts. */
export function lastChange(...values: ReadonlyArray<CacheValue | undefined>): ChangedAt {
  let last = NEVER;
  for (const value of values) if (typeof value === 'number' && value > last) last = value;
  return last;
}

/** Whether something was changed after it was asked for, or in the same millisecond. */
export function isChangedSince(at: number, changedAt: ChangedAt): boolean {
  return changedAt >= at;
}

const AUDIENCES: ReadonlySet<unknown> = new Set<Audience>(['EVERYBODY', 'ALIKE', 'ONE']);

/** Whether what a cache gives back can be something that was given to it. */
export function isCacheValue(value: unknown): value is CacheValue {
  if (typeof value === 'number' || typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { policy, until, text } = value as Partial<Record<keyof Stored, unknown>>;
  if (typeof until !== 'number' || typeof text !== 'string' || typeof policy !== 'object' || policy === null)
    return false;
  const { audience, askedAt, sharedUntil, privateUntil, mustRevalidate } = policy as Partial<
    Record<keyof CachePolicy, unknown>
  >;
  return (
    AUDIENCES.has(audience) &&
    [askedAt, sharedUntil, privateUntil].every((time) => typeof time === 'number') &&
    typeof mustRevalidate === 'boolean'
  );
}

/** Whether the text of what is kept is that of an entity, or of an answer. */
export function hasObjectText(value: CacheValue): boolean {
  if (typeof value !== 'object') return true;
  const { text } = value;
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null && !Array.isArray(read);
  } catch {
    return false;
  }
}

/** Null for what must not be used any more. */
export function readStored(value: CacheValue | undefined, changedAt: ChangedAt, now: number): Stored | null {
  if (typeof value !== 'object') return null;
  return value.until <= now || isChangedSince(value.policy.askedAt, changedAt) ? null : value;
}

/** What one fetch brought, and for which of the wanted entities it was sent. */
export interface Part {
  readonly places: readonly number[];
  readonly answer: SubgraphAnswer;
}

/** Puts what was kept and what was fetched into the order of the request, paths of errors included. */
export function joinEntities(kept: ReadonlyArray<Stored | null>, parts: readonly Part[]): SubgraphAnswer {
  const errors: GraphQLFormattedError[] = [];
  const entities = new Array<unknown>(kept.length);
  let policy: CachePolicy | null | undefined;
  let last: CachePolicy | undefined;
  let arePlain = true;
  for (let place = 0; place < kept.length; place += 1) {
    const stored = kept[place] ?? null;
    entities[place] = null;
    if (stored === null) continue;
    entities[place] = JSON.parse(stored.text) as unknown;
    arePlain &&= isPlain(stored.text);
    // What came together has one policy.
    if (stored.policy === last) continue;
    last = stored.policy;
    policy = policy === undefined ? last : restrict(policy, last);
  }
  for (const { places, answer } of parts) {
    const list = answer.data?.['_entities'];
    if (Array.isArray(list)) for (const [index, place] of places.entries()) entities[place] = list[index] ?? null;
    errors.push(...answer.errors.flatMap((error) => placeError(error, places)));
    policy = policy === undefined ? answer.policy : restrict(policy, answer.policy);
    arePlain &&= answer.isPlain === true;
  }
  return { data: { _entities: entities }, errors, policy: policy ?? null, isPlain: arePlain };
}

function placeError(error: GraphQLFormattedError, places: readonly number[]): GraphQLFormattedError[] {
  const [root, index, ...rest] = error.path ?? [];
  if (root === '_entities' && typeof index === 'number') {
    const place = places[index];
    return place === undefined ? [error] : [{ ...error, path: ['_entities', place, ...rest] }];
  }
  // It cost everything that was fetched, and nothing that was kept.
  return places.map((place) => ({ ...error, path: ['_entities', place] }));
}
