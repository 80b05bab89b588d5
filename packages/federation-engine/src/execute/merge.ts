import type { KeepsTypename } from '../supergraph/supergraph.js';
import { own, type Data } from '../request/data.js';

/**
 * Merges what a fetch brought into an object of the answer, in place. Invariants:
 *
 * - `source` is used up: parts of it become parts of `target`.
 * - Objects are merged member by member, lists of equal length item by item; anything else is replaced, by null too, but for
 *   the name of a type that says more than the one that is brought.
 */
export function merge(target: Data, source: Data, keepsTypename: KeepsTypename | null = null): void {
  mergeMembers(target, source, Object.keys(source), keepsTypename);
}

/**
 * Merges the same into several objects. An object in it becomes one that stands in all of them where `mayShare` says that
 * nothing else is merged into it from above; otherwise each gets its own copy.
 */
export function mergeAll(
  targets: readonly Data[],
  source: Data,
  mayShare: (name: string) => boolean,
  shared: Set<object>,
  keepsTypename: KeepsTypename | null = null,
): void {
  const names = Object.keys(source);
  if (targets.length === 1) {
    mergeMembers(targets[0] as Data, source, names, keepsTypename);
    return;
  }
  const copied: string[] = [];
  for (const name of names) {
    const value = source[name];
    if (!isObject(value)) continue;
    if (mayShare(name)) shared.add(value);
    else copied.push(name);
  }
  for (const [index, target] of targets.entries()) {
    if (index === 0 || copied.length === 0) {
      mergeMembers(target, source, names, keepsTypename);
      continue;
    }
    const own = { ...source };
    for (const name of copied) own[name] = copy(source[name]);
    mergeMembers(target, own, names, keepsTypename);
  }
}

function mergeMembers(target: Data, source: Data, names: readonly string[], keepsTypename: KeepsTypename | null): void {
  for (const name of names) {
    // The one name that is no ordinary member of an object; operations that select it are refused.
    if (name === '__proto__') continue;
    const value = source[name];
    if (!isObject(value)) {
      if (keepsTypename !== null && name === '__typename' && keepsTypename(own(target, name), value)) continue;
      target[name] = value;
      continue;
    }
    const present = own(target, name);
    target[name] = isObject(present) ? mergeValues(present, value, keepsTypename) : value;
  }
}

function mergeValues(present: object, value: object, keepsTypename: KeepsTypename | null): object {
  if (present === value) return present;
  if (!Array.isArray(value)) {
    if (Array.isArray(present)) return value;
    merge(present as Data, value as Data, keepsTypename);
    return present;
  }
  const items = value as unknown[];
  if (!Array.isArray(present) || present.length !== items.length) return items;
  const into = present as unknown[];
  for (const [index, item] of items.entries()) {
    const before = into[index];
    into[index] = isObject(before) && isObject(item) ? mergeValues(before, item, keepsTypename) : item;
  }
  return into;
}

/** Copies parsed JSON, but for what is never merged. */
export function copyData(data: Data): Data {
  const copied: Data = {};
  for (const [name, inner] of Object.entries(data)) if (name !== '__proto__') copied[name] = copy(inner);
  return copied;
}

function copy(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Array.isArray(value) ? value.map(copy) : copyData(value as Data);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
