import type { PathStep } from '../compile/plan/steps.js';
import { own, type Data } from '../request/data.js';

/** The way from the root to where a walk is: the first `length` of each count, and `holders[i][keys[i]]` is what comes next. */
export interface Trail {
  readonly holders: Array<Record<string | number, unknown>>;
  readonly keys: Array<string | number>;
  length: number;
}

/**
 * Visits every object at a path of a result, at each of its places, in the order of the answer. It is one rule for all who look for
 * places: lists are gone through however deep they are nested, a list of lists has one step of `items` for each level or none, and
 * what has a type that a step does not name is passed by.
 *
 * @param visit gets the object, and the way to it, which is good until it returns
 * @param enters is asked before anything on the way is looked into; false passes it by
 */
export function walkPlaces(
  root: Data,
  path: readonly PathStep[],
  visit: (object: Data, trail: Trail) => void,
  enters: ((value: object) => boolean) | null = null,
): void {
  const holders: Array<Record<string | number, unknown>> = [{ root }];
  const keys: Array<string | number> = ['root'];
  const trail: Trail = { holders, keys, length: 0 };

  function walk(value: unknown, depth: number, level: number): void {
    if (typeof value !== 'object' || value === null) return;
    if (enters !== null && !enters(value)) return;
    const step = path[depth];
    if (Array.isArray(value)) {
      const next = step?.kind === 'items' ? depth + 1 : depth;
      const only = step?.kind === 'items' ? step.types : null;
      const items = value as unknown as Record<number, unknown>;
      for (let index = 0; index < value.length; index += 1) {
        const item: unknown = items[index];
        if (only !== null && !isOneOf(item, only)) continue;
        holders[level] = items;
        keys[level] = index;
        walk(item, next, level + 1);
      }
      return;
    }
    if (step === undefined) {
      trail.length = level;
      visit(value as Data, trail);
      return;
    }
    if (step.kind === 'items') return;
    const inner = own(value as Data, step.name);
    if (step.types !== null && !Array.isArray(inner) && !isOneOf(inner, step.types)) return;
    holders[level] = value as Data;
    keys[level] = step.name;
    walk(inner, depth + 1, level + 1);
  }

  walk(root, 0, 1);
}

/** Whether an object is of one of these types, as far as its data tell. */
export function isOneOf(value: unknown, types: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const typename = (value as Data)['__typename'];
  return typeof typename !== 'string' || types.has(typename);
}
