import type { PathStep } from '../compile/plan/steps.js';
import { own, type Data, type ErrorPath } from '../request/data.js';

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
  const seen = shared.size === 0 ? null : new Set<object>();

  function walk(value: unknown, depth: number, holder: Record<string | number, unknown>, key: string | number): void {
    if (typeof value !== 'object' || value === null) return;
    if (seen !== null && shared.has(value)) {
      if (seen.has(value)) return;
      seen.add(value);
    }
    const step = path[depth];
    if (Array.isArray(value)) {
      // A list of lists has one `@` for each level.
      const next = step?.kind === 'items' ? depth + 1 : depth;
      const only = step?.kind === 'items' ? step.types : null;
      const items = value as unknown as Record<number, unknown>;
      for (let index = 0; index < value.length; index += 1) {
        const item: unknown = items[index];
        if (only === null || isOneOf(item, only)) walk(item, next, items, index);
      }
      return;
    }
    if (step === undefined) {
      targets.objects.push(value as Data);
      targets.holders.push(holder);
      targets.keys.push(key);
      return;
    }
    if (step.kind === 'items') return;
    const inner = own(value as Data, step.name);
    if (step.types === null || Array.isArray(inner) || isOneOf(inner, step.types))
      walk(inner, depth + 1, value as Data, step.name);
  }

  walk(root, 0, { root }, 'root');
  return targets;
}

/** Every place of every object at a path, with the object. Needed for errors only, so the hot path does not track it. */
export function collectPlaces(
  root: Data,
  path: readonly PathStep[],
): Array<{ readonly object: Data; readonly path: ErrorPath }> {
  const places: Array<{ object: Data; path: ErrorPath }> = [];

  function walk(value: unknown, depth: number, at: ErrorPath): void {
    if (typeof value !== 'object' || value === null) return;
    const step = path[depth];
    if (Array.isArray(value)) {
      const next = step?.kind === 'items' ? depth + 1 : depth;
      const only = step?.kind === 'items' ? step.types : null;
      for (const [index, item] of value.entries())
        if (only === null || isOneOf(item, only)) walk(item, next, [...at, index]);
      return;
    }
    if (step === undefined) {
      places.push({ object: value as Data, path: at });
      return;
    }
    if (step.kind === 'items') return;
    const inner = own(value as Data, step.name);
    if (step.types === null || Array.isArray(inner) || isOneOf(inner, step.types))
      walk(inner, depth + 1, [...at, step.name]);
  }

  walk(root, 0, []);
  return places;
}

/** Whether an object is of one of these types, as far as its data tell. */
export function isOneOf(value: unknown, types: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const typename = (value as Data)['__typename'];
  return typeof typename !== 'string' || types.has(typename);
}
