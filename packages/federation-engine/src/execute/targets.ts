import type { PathStep } from '../compile/plan/steps.js';
import type { Data, ErrorPath } from '../request/data.js';
import { walkPlaces } from './walk-places.js';

/** Objects at a path, and what holds each of them: `holders[i][keys[i]]` is `objects[i]`. */
export interface Targets {
  readonly objects: Data[];
  readonly holders: Array<Record<string | number, unknown>>;
  readonly keys: Array<string | number>;
}

/**
 * Collects the objects at a path, in the order of the answer, each once.
 *
 * An object can stand at several places (see `group-entities.ts`). All its places have the same path but for list
 * indices, so it is filled once for all of them.
 */
export function collectTargets(root: Data, path: readonly PathStep[], shared: ReadonlySet<object>): Targets {
  const targets: Targets = { objects: [], holders: [], keys: [] };
  walkPlaces(
    root,
    path,
    (object, { holders, keys, length }) => {
      targets.objects.push(object);
      targets.holders.push(holders[length - 1] as Record<string | number, unknown>);
      targets.keys.push(keys[length - 1] as string | number);
    },
    shared.size === 0 ? null : onceFor(shared),
  );
  return targets;
}

/** Of so few, to look at each is cheaper than to look one up: an owner and an assignee, in a list of hundreds of objects. */
const FEW = 8;

/** True for what is met for the first time, and for all that is not shared. */
function onceFor(shared: ReadonlySet<object>): (value: object) => boolean {
  const seen = new Set<object>();
  const few = shared.size <= FEW ? [...shared] : null;
  return (value) => {
    if (!(few === null ? shared.has(value) : few.includes(value))) return true;
    if (seen.has(value)) return false;
    seen.add(value);
    return true;
  };
}

/** Every place of every object at a path, with the object. Needed for errors only, so the hot path does not track it. */
export function collectPlaces(
  root: Data,
  path: readonly PathStep[],
): Array<{ readonly object: Data; readonly path: ErrorPath }> {
  const places: Array<{ object: Data; path: ErrorPath }> = [];
  // The first key is that of the root itself.
  walkPlaces(root, path, (object, { keys, length }) => places.push({ object, path: keys.slice(1, length) }));
  return places;
}
