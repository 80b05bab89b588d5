import type { GraphQLFormattedError } from 'graphql';
import type { SubgraphAnswer } from '../subgraph-client.js';
import { restrict, type CachePolicy } from '../cache-policy.js';

/** What is kept of one entity, or of one fetch of root fields. */
export interface Stored {
  readonly policy: CachePolicy;
  /** Until when it is used here; milliseconds since the epoch. */
  readonly until: number;
  /** JSON. */
  readonly text: string;
}

/** When that which could have changed something was changed last; undefined for never. */
export type Changes = ReadonlyArray<string | undefined>;

/** Whether something was changed after it was asked for, or in the same millisecond. */
export function isChangedSince(at: number, changes: Changes): boolean {
  return changes.some((changed) => changed !== undefined && Number(changed) >= at);
}

/** When something was changed last. */
export function lastOf(changes: Changes): number | undefined {
  const times = changes.flatMap((changed) => (changed === undefined ? [] : [Number(changed)]));
  return times.length > 0 ? Math.max(...times) : undefined;
}

/** Null for what must not be used any more. */
export function readStored(text: string | undefined, changes: Changes, now: number): Stored | null {
  if (text === undefined) return null;
  const stored = JSON.parse(text) as Stored;
  return stored.until <= now || isChangedSince(stored.policy.askedAt, changes) ? null : stored;
}

/** What one fetch brought, and for which of the wanted entities it was sent. */
export interface Part {
  readonly places: readonly number[];
  readonly answer: SubgraphAnswer;
}

/** Puts what was kept and what was fetched into the order of the request, paths of errors included. */
export function joinEntities(kept: ReadonlyArray<Stored | null>, parts: readonly Part[]): SubgraphAnswer {
  const entities: unknown[] = kept.map((stored) => (stored ? (JSON.parse(stored.text) as unknown) : null));
  const errors: GraphQLFormattedError[] = [];
  const policies: Array<CachePolicy | null> = kept.flatMap((stored) => stored?.policy ?? []);
  for (const { places, answer } of parts) {
    const list = answer.data?.['_entities'];
    if (Array.isArray(list)) for (const [index, place] of places.entries()) entities[place] = list[index] ?? null;
    errors.push(...answer.errors.flatMap((error) => placeError(error, places)));
    policies.push(answer.policy);
  }
  return { data: { _entities: entities }, errors, policy: policies.reduce(restrict, policies[0] ?? null) };
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
