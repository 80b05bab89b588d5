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
  for (const name of Object.keys(source)) {
    // The one name that is no ordinary member of an object; operations that select it are refused.
    if (name === '__proto__') continue;
    const value = source[name];
    const present = own(target, name);
    target[name] = isObject(present) && isObject(value) ? mergeValues(present, value, shared) : value;
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
  if (!Array.isArray(into) || into.length !== from.length) return from;
  for (let index = 0; index < from.length; index += 1) {
    const before: unknown = into[index];
    const item: unknown = from[index];
    into[index] = isObject(before) && isObject(item) ? mergeValues(before, item, shared) : item;
  }
  return into;
}

/** Copies parsed JSON. */
function copy(value: object): object {
  if (Array.isArray(value)) return value.map((item: unknown) => (isObject(item) ? copy(item) : item));
  const copied: Data = {};
  for (const [name, inner] of Object.entries(value)) copied[name] = isObject(inner) ? copy(inner) : inner;
  return copied;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
