import type { PathStep } from '../compile/plan/steps.js';
import { own, type Data, type ErrorPath } from '../request/data.js';

/** The way from the root to where a walk is: the first `length` of each count, and `holders[i][keys[i]]` is what comes next. */
interface Trail {
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
  root: object,
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
    let step = path[depth];
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
    let at = depth;
    while (step?.kind === 'type') {
      if (!isOneOf(value, step.types)) return;
      at += 1;
      step = path[at];
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
    walk(inner, at + 1, level + 1);
  }

  walk(root, 0, 1);
}

/** Whether an object is of one of these types, as far as its data tell. */
export function isOneOf(value: unknown, types: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const typename = (value as Data)['__typename'];
  return typeof typename !== 'string' || types.has(typename);
}

/**
 * Reads what a path leads to, null and lists on the way included: of a list, it is the list of what its items have there. Undefined
 * where there is nothing.
 */
export function readAt(value: unknown, path: readonly PathStep[], depth = 0): unknown {
  const step = path[depth];
  if (step === undefined || value === null) return value;
  if (typeof value !== 'object') return undefined;
  if (Array.isArray(value)) {
    const next = step.kind === 'items' ? depth + 1 : depth;
    return value.map((item: unknown) => readAt(item, path, next));
  }
  if (step.kind === 'type') return isOneOf(value, step.types) ? readAt(value, path, depth + 1) : undefined;
  return step.kind === 'field' ? readAt(own(value as Data, step.name), path, depth + 1) : undefined;
}

/** Follows a path of names and indices as far as it leads, and tells what stands there. */
export function follow(root: unknown, path: ErrorPath): { readonly value: unknown; readonly length: number } {
  let value = root;
  for (let length = 0; length < path.length; length += 1) {
    const element = path[length] as string | number;
    const isItem = typeof element === 'number';
    if (typeof value !== 'object' || value === null || Array.isArray(value) !== isItem) return { value, length };
    if (isItem && element >= (value as unknown[]).length) return { value, length };
    value = own(value as Data, String(element));
  }
  return { value, length: path.length };
}
