import { AppError, unavailable } from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';
import { clientPath } from '../planning/response-names.js';
import type { FetchStep } from '../planning/steps.js';
import { collectPlaces, type Data, type ErrorPath } from './targets.js';

/** An error of the answer, before the gateway's door: see `client-errors.ts`. */
export interface ExecutionError extends GraphQLFormattedError {
  /** Who it comes from; null for the gateway itself. */
  readonly subgraph: string | null;
}

/** Where the entities of a fetch stand in its list of representations. */
export type EntityIndex = (object: Data) => number | undefined;

/**
 * Places the errors of a subgraph in the answer to the client.
 *
 * - `_entities.2.name` becomes the path of every entity that the third representation stands for, with `name` behind.
 * - An error without a path says nothing of what it cost. If the fetch brought nothing, it is told of everything that the
 *   fetch was for.
 */
export function placeErrors(
  errors: readonly GraphQLFormattedError[],
  step: FetchStep,
  { root, indexOf, lost }: { root: Data; indexOf: EntityIndex | null; lost: boolean },
): ExecutionError[] {
  const { subgraph } = step;
  let places: ReadonlyMap<number, readonly ErrorPath[]> | undefined;
  const placesOf = (index: number) => (places ??= entityPlaces(root, step, indexOf)).get(index) ?? [];
  const all = () => [...(places ??= entityPlaces(root, step, indexOf)).values()].flat();

  return errors.flatMap((error) => {
    const { path } = error;
    if (indexOf && path?.[0] === '_entities' && typeof path[1] === 'number') {
      const rest = path.slice(2);
      return placesOf(path[1]).map((place) => ({ ...error, subgraph, path: clientPath([...place, ...rest]) }));
    }
    if (path && !indexOf) return [{ ...error, subgraph, path: clientPath(path) }];
    const { path: _unplaced, ...unplaced } = error;
    if (!lost) return [{ ...unplaced, subgraph }];
    const everything: readonly ErrorPath[] = indexOf ? all() : step.rootNames.map((name) => [name]);
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
