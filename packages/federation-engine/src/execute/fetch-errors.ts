import type { GraphQLFormattedError } from 'graphql';
import type { ClientPath } from '../compile/plan/client-paths.js';
import type { FetchStep, RenamedMembers } from '../compile/plan/steps.js';
import { collectPlaces } from './targets.js';
import { follow } from './walk-places.js';
import type { Data, ErrorPath } from '../request/data.js';

/** An error of the answer, before what a client is told is made of it: see `client-errors.ts`. */
export interface ExecutionError extends GraphQLFormattedError {
  /** Where it comes from; null for the engine itself. */
  readonly subgraph: string | null;
  /** Told only of a place that nothing came for and that no other error explains: see `settle-errors.ts`. */
  readonly isSpare?: true;
}

/** Where the entities of a fetch stand in its list of representations. */
export type EntityIndex = (object: Data) => number | undefined;

interface Fetched {
  /** Of the answer to the client, before what was fetched is merged into it. */
  readonly root: Data;
  readonly clientPath: ClientPath;
  /** Null for root fields. */
  readonly indexOf: EntityIndex | null;
  /** What came: the data, or the list of entities. Null when nothing did. */
  readonly came: unknown;
}

type Unplaced = Omit<GraphQLFormattedError, 'path'>;

/** Of the errors of one fetch; beyond that each is told at its first place only, and what was fetched for more has lost it without a word. */
const MAX_PLACES = 10_000;

/**
 * Places the errors of a subgraph in the answer to the client.
 *
 * - `_entities.2.name` becomes the path of every entity that the third representation stands for, with `name` behind.
 * - `name` of a fetch that re-enters through `Query` stands behind every place that the fetch is for.
 * - Names are the client's, in the place of those that the planner gave for the time of a fetch.
 * - Of a path that leads out of what came, the part within is told; one that begins elsewhere is none.
 * - An error without a path says nothing of what it cost. If the fetch brought nothing, the first is told of everything
 *   that the fetch was for. Where all have paths, what they do not tell of has the first as a spare.
 */
export function placeErrors(
  errors: readonly GraphQLFormattedError[],
  step: FetchStep,
  { root, clientPath, indexOf, came }: Fetched,
): ExecutionError[] {
  const { subgraph, renamed } = step;
  let places: ReadonlyMap<number, readonly ErrorPath[]> | undefined;
  const placesOf = (index: number) => (places ??= entityPlaces(root, step, indexOf)).get(index) ?? [];
  const everything = (): readonly ErrorPath[] =>
    (indexOf
      ? [...(places ??= entityPlaces(root, step, indexOf)).values()].flat()
      : rootPlaces(root, step).flatMap((place) =>
          step.rootNames.map((name) => [...place, ...renamePath([name], renamed)]),
        )
    ).slice(0, MAX_PLACES);
  const placed: ExecutionError[] = [];
  const unplaced: ExecutionError[] = [];

  for (const { path, ...error } of errors) {
    const found = path ? placeOf(path) : [];
    if (found.length === 0) unplaced.push({ ...error, subgraph });
    for (const place of placed.length < MAX_PLACES ? found : found.slice(0, 1)) placed.push(at(error, place));
  }

  function at(error: Unplaced, place: ErrorPath): ExecutionError {
    const path = clientPath(place);
    return { ...error, subgraph, ...(path.length > 0 && { path }) };
  }

  function placeOf(path: ErrorPath): ErrorPath[] {
    const [first, second, ...rest] = path;
    if (!indexOf) {
      if (!step.rootNames.includes(first as string)) return [];
      const inside = renamePath(within(came, path), renamed);
      return rootPlaces(root, step).map((place) => [...place, ...inside]);
    }
    if (first !== '_entities' || typeof second !== 'number') return [];
    const inner = renamePath(within(Array.isArray(came) ? came[second] : null, rest), renamed);
    return placesOf(second).map((place) => [...place, ...inner]);
  }

  if (came !== null) return [...placed, ...unplaced];
  const [first, ...others] = unplaced;
  if (first) {
    const all = everything();
    if (all.length === 0) return [...placed, ...unplaced];
    return [...placed, ...all.map((place) => at(first, place)), ...others];
  }
  const spare = placed[0];
  if (!spare) return placed;
  return [...placed, ...everything().map((place) => ({ ...at(spare, place), isSpare: true as const }))];
}

/** The part of a path that can be gone in a value; what is behind a null was there before null was passed up. */
function within(came: unknown, path: ErrorPath): ErrorPath {
  const { value, length } = follow(came, path);
  return value === null || value === undefined ? path : path.slice(0, length);
}

function entityPlaces(root: Data, step: FetchStep, indexOf: EntityIndex | null): Map<number, ErrorPath[]> {
  const places = new Map<number, ErrorPath[]>();
  for (const { path: way } of [step, ...step.alsoAt]) {
    for (const { object, path } of collectPlaces(root, way)) {
      const index = indexOf?.(object);
      if (index === undefined) continue;
      const known = places.get(index);
      if (known) known.push(path);
      else places.set(index, [path]);
    }
  }
  return places;
}

/** Where a fetch of root fields belongs: the root, or each `Query` that it re-enters through. */
function rootPlaces(root: Data, { path }: FetchStep): readonly ErrorPath[] {
  return path.length === 0 ? ROOT : collectPlaces(root, path).map((place) => place.path);
}

const ROOT: readonly ErrorPath[] = [[]];

/** A path in what a fetch brings, under the names of the answer. */
function renamePath(
  path: ReadonlyArray<string | number>,
  members: RenamedMembers | null,
): ReadonlyArray<string | number> {
  if (!members) return path;
  let at: RenamedMembers | undefined = members;
  return path.map((element) => {
    if (typeof element === 'number') return element;
    at = at?.inner.get(element);
    return at?.name ?? element;
  });
}
