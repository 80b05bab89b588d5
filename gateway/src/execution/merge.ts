import { own, type Data } from './targets.js';

const NOTHING_SHARED: ReadonlySet<object> = new Set();

/**
 * Merges what a fetch brought into an object of the answer, in place. Invariants:
 *
 * - `source` is used up: parts of it become parts of `target`.
 * - Objects are merged member by member, lists of equal length item by item; anything else is replaced, by null too.
 * - An object that stands at several places is never merged into, and never merged from, as itself: a copy is. So what
 *   is brought for one place is seen at no other.
 */
export function merge(target: Data, source: Data, shared: ReadonlySet<object> = NOTHING_SHARED): void {
  mergeMembers(target, source, Object.keys(source), shared);
}

/** Merges the same into several objects. */
export function mergeAll(targets: readonly Data[], source: Data, shared: ReadonlySet<object>): void {
  const names = Object.keys(source);
  for (const target of targets) mergeMembers(target, source, names, shared);
}

function mergeMembers(target: Data, source: Data, names: readonly string[], shared: ReadonlySet<object>): void {
  for (const name of names) {
    // The one name that is no ordinary member of an object; operations that select it are refused.
    if (name === '__proto__') continue;
    const value = source[name];
    if (!isObject(value)) {
      target[name] = value;
      continue;
    }
    const present = own(target, name);
    target[name] = isObject(present) ? mergeValues(present, value, shared) : value;
  }
}

function mergeValues(present: object, value: object, shared: ReadonlySet<object>): object {
  if (present === value) return present;
  const into = shared.has(present) ? copy(present) : present;
  const from = shared.has(value) ? copy(value) : value;
  if (!Array.isArray(from)) {
    if (Array.isArray(into)) return from;
    merge(into as Data, from as Data, shared);
    return into;
  }
  if (!Array.isArray(into) || into.length !== from.length) return from as unknown[];
  for (let index = 0; index < from.length; index += 1) {
    const before: unknown = into[index];
    const item: unknown = from[index];
    into[index] = isObject(before) && isObject(item) ? mergeValues(before, item, shared) : item;
  }
  return into as unknown[];
}

/** Copies parsed JSON. */
function copy(value: object): object {
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => (isObject(item) ? copy(item) : item));
  const copied: Data = {};
  for (const [name, inner] of Object.entries(value)) copied[name] = isObject(inner) ? copy(inner) : inner;
  return copied;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
