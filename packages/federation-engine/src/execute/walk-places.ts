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
    if (Array.isArray(value)) {
      walkList(value, depth, level);
      return;
    }
    const at = afterTypes(value as Data, path, depth);
    if (at === null) return;
    const step = path[at];
    if (step === undefined) {
      trail.length = level;
      visit(value as Data, trail);
      return;
    }
    if (step.kind !== 'field') return;
    const inner = memberAt(value as Data, step);
    holders[level] = value as Data;
    keys[level] = step.name;
    walk(inner, at + 1, level + 1);
  }

  function walkList(outer: readonly unknown[], depth: number, from: number): void {
    const step = path[depth];
    if (step?.kind === 'items') {
      for (let index = 0; index < outer.length; index += 1) {
        const item = outer[index];
        if (!isMeant(item, step)) continue;
        holders[from] = outer as unknown as Record<number, unknown>;
        keys[from] = index;
        walk(item, depth + 1, from + 1);
      }
      return;
    }
    // Lists that no step means may be nested to any depth, so they take no stack: where each is gone on with, the trail says.
    let list = outer;
    let index = 0;
    let level = from;
    for (;;) {
      if (index >= list.length) {
        if (level === from) return;
        level -= 1;
        list = holders[level] as unknown as readonly unknown[];
        index = (keys[level] as number) + 1;
        continue;
      }
      const item = list[index];
      holders[level] = list as unknown as Record<number, unknown>;
      keys[level] = index;
      if (!Array.isArray(item)) walk(item, depth, level + 1);
      else if (enters === null || enters(item)) {
        list = item;
        index = 0;
        level += 1;
        continue;
      }
      index += 1;
    }
  }

  walk(root, 0, 1);
}

/** Whether an object is of one of these types, as far as its data tell. */
function isOneOf(value: unknown, types: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const typename = (value as Data)['__typename'];
  return typeof typename !== 'string' || types.has(typename);
}

/** Instead of a value that a step does not mean. */
const PASSED_BY = Symbol('passed by');

/** Past the steps that ask what an object is; null where it is passed by. */
function afterTypes(object: Data, path: readonly PathStep[], depth: number): number | null {
  let at = depth;
  for (let step = path[at]; step?.kind === 'type'; step = path[at]) {
    if (!isOneOf(object, step.types)) return null;
    at += 1;
  }
  return at;
}

/** What an object has under a step's name. The type of what is in a list is that of its items. */
function memberAt(object: Data, step: Extract<PathStep, { kind: 'field' }>): unknown {
  const value = own(object, step.name);
  return step.types === null || Array.isArray(value) || isOneOf(value, step.types) ? value : PASSED_BY;
}

/** Whether a step means this item of a list. */
function isMeant(item: unknown, { types }: Extract<PathStep, { kind: 'items' }>): boolean {
  return types === null || isOneOf(item, types);
}

/**
 * Reads what a path leads to by the same rule, null and lists on the way included: of a list, it is the list of what those of its
 * items have there that are not passed by. Undefined where there is nothing.
 */
export function readAt(value: unknown, path: readonly PathStep[]): unknown {
  const found = readFrom(value, path, 0);
  return found === PASSED_BY ? undefined : found;
}

function readFrom(value: unknown, path: readonly PathStep[], depth: number): unknown {
  if (depth === path.length || value === null || value === PASSED_BY) return value;
  if (typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return readItems(value, path, depth);
  const at = afterTypes(value as Data, path, depth);
  if (at === null) return PASSED_BY;
  const step = path[at];
  if (step === undefined) return value;
  return step.kind === 'field' ? readFrom(memberAt(value as Data, step), path, at + 1) : undefined;
}

function readItems(list: readonly unknown[], path: readonly PathStep[], depth: number): unknown[] {
  const step = path[depth];
  const isItems = step?.kind === 'items';
  const meant = isItems ? list.filter((item) => isMeant(item, step)) : list;
  return meant.map((item) => readFrom(item, path, isItems ? depth + 1 : depth)).filter((each) => each !== PASSED_BY);
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
