import { AppError, unavailable } from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';
import type { ClientPath } from '../planning/client-paths.js';
import { renamePath } from '../planning/renamed-members.js';
import type { FetchStep } from '../planning/steps.js';
import { collectPlaces, type Data, type ErrorPath } from './targets.js';

/** An error of the answer, before the gateway's door: see `client-errors.ts`. */
export interface ExecutionError extends GraphQLFormattedError {
  /** Who it comes from; null for the gateway itself. */
  readonly subgraph: string | null;
}

/** Where the entities of a fetch stand in its list of representations. */
export type EntityIndex = (object: Data) => number | undefined;

/** What it takes to place errors. */
export interface PlacesOfErrors {
  readonly root: Data;
  readonly clientPath: ClientPath;
  /** Null for a fetch of root fields. */
  readonly indexOf: EntityIndex | null;
  /** Whether the fetch brought nothing. */
  readonly lost: boolean;
}

/**
 * Places the errors of a subgraph in the answer to the client.
 *
 * - `_entities.2.name` becomes the path of every entity that the third representation stands for, with `name` behind.
 * - `name` of a fetch that re-enters through `Query` stands behind every place that the fetch is for.
 * - Names are the client's, in the place of those that the planner gave for the time of a fetch.
 * - An error without a path says nothing of what it cost. If the fetch brought nothing, it is told of everything that the
 *   fetch was for.
 */
export function placeErrors(
  errors: readonly GraphQLFormattedError[],
  step: FetchStep,
  { root, clientPath, indexOf, lost }: PlacesOfErrors,
): ExecutionError[] {
  const { subgraph, renamed } = step;
  let places: ReadonlyMap<number, readonly ErrorPath[]> | undefined;
  const placesOf = (index: number) => (places ??= entityPlaces(root, step, indexOf)).get(index) ?? [];
  const all = () => [...(places ??= entityPlaces(root, step, indexOf)).values()].flat();

  return errors.flatMap((error) => {
    const { path } = error;
    if (indexOf && path?.[0] === '_entities' && typeof path[1] === 'number') {
      const rest = renamePath(path.slice(2), renamed);
      return placesOf(path[1]).map((place) => ({ ...error, subgraph, path: clientPath([...place, ...rest]) }));
    }
    if (path && !indexOf) {
      const inside = renamePath(path, renamed);
      return rootPlaces(root, step).map((place) => ({ ...error, subgraph, path: clientPath([...place, ...inside]) }));
    }
    const { path: _unplaced, ...unplaced } = error;
    if (!lost) return [{ ...unplaced, subgraph }];
    const everything: readonly ErrorPath[] = indexOf
      ? all()
      : rootPlaces(root, step).flatMap((place) =>
          step.rootNames.map((name) => [...place, ...renamePath([name], renamed)]),
        );
    return everything.length === 0
      ? [{ ...unplaced, subgraph }]
      : everything.map((place) => ({ ...unplaced, subgraph, path: clientPath(place) }));
  });
}

function entityPlaces(root: Data, step: FetchStep, indexOf: EntityIndex | null): Map<number, ErrorPath[]> {
  const places = new Map<number, ErrorPath[]>();
  for (const { object, path } of collectPlaces(root, step.path)) {
    const index = indexOf?.(object);
    if (index === undefined) continue;
    const known = places.get(index);
    if (known) known.push(path);
    else places.set(index, [path]);
  }
  return places;
}

/** Where a fetch of root fields belongs: the root, or each `Query` that it re-enters through. */
function rootPlaces(root: Data, { path }: FetchStep): readonly ErrorPath[] {
  return path.length === 0 ? ROOT : collectPlaces(root, path).map((place) => place.path);
}

const ROOT: readonly ErrorPath[] = [[]];

/** What a failed fetch tells the client. */
export function toFetchError(error: unknown, subgraph: string): { fault: AppError; formatted: GraphQLFormattedError } {
  const known = error instanceof AppError ? error : unavailable(subgraph, error);
  // The reason that an upload stream gave up is wrapped in the failure of the connection.
  const fault = known.cause instanceof AppError ? known.cause : known;
  return {
    fault,
    formatted: {
      message: fault.message,
      extensions: { ...fault.details, code: fault.code, ...(fault.reason !== undefined && { reason: fault.reason }) },
    },
  };
}
