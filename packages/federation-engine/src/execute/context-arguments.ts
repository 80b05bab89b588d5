import type { FetchDataRewrite } from '@apollo/query-planner';
import type { PathStep } from '../compile/plan/steps.js';
import { FRAGMENT } from './rewrites.js';
import type { IsSubtype } from '../supergraph/supergraph.js';
import { isOneOf, type Targets } from './targets.js';
import { own, type Data } from '../request/data.js';

/** Entities whose contexts say the same. */
export interface ContextGroup {
  readonly targets: Targets;
  /** Values of the variables that take arguments from a context; undefined where the context has none. */
  readonly variables: Readonly<Record<string, unknown>>;
}

const UP = '..';

/**
 * Groups the entities at a path by the values that their contexts give to arguments (`@fromContext`).
 *
 * Arguments are variables of a fetch, so entities with different values need fetches of their own. A context is an object
 * around the entity, one level up for each `..` of a rewrite's path. Such a plan shares no objects (see `compile-plan.ts`):
 * an entity that stood at two places would have two contexts.
 */
export function groupByContext(
  root: Data,
  path: readonly PathStep[],
  rewrites: readonly FetchDataRewrite[],
  isSubtype: IsSubtype,
): ContextGroup[] {
  const groups = new Map<string, ContextGroup>();

  function add(
    object: Data,
    around: readonly Data[],
    holder: Record<string | number, unknown>,
    key: string | number,
  ): void {
    const variables = readContexts([...around, object], rewrites, isSubtype);
    const text = JSON.stringify(variables);
    let group = groups.get(text);
    if (!group) groups.set(text, (group = { targets: { objects: [], holders: [], keys: [] }, variables }));
    group.targets.objects.push(object);
    group.targets.holders.push(holder);
    group.targets.keys.push(key);
  }

  function walk(
    value: unknown,
    depth: number,
    around: readonly Data[],
    holder: Record<string | number, unknown>,
    key: string | number,
  ): void {
    if (typeof value !== 'object' || value === null) return;
    const step = path[depth];
    if (Array.isArray(value)) {
      const next = step?.kind === 'items' ? depth + 1 : depth;
      const only = step?.kind === 'items' ? step.types : null;
      for (const [index, item] of value.entries())
        if (only === null || isOneOf(item, only)) walk(item, next, around, value as never, index);
      return;
    }
    const object = value as Data;
    if (step === undefined) add(object, around, holder, key);
    else if (step.kind === 'field') {
      const inner = own(object, step.name);
      if (step.types === null || Array.isArray(inner) || isOneOf(inner, step.types))
        walk(inner, depth + 1, [...around, object], object, step.name);
    }
  }

  walk(root, 0, [], { root }, 'root');
  return [...groups.values()];
}

/** @param line the objects from the root to the entity itself */
function readContexts(
  line: readonly Data[],
  rewrites: readonly FetchDataRewrite[],
  isSubtype: IsSubtype,
): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const rewrite of rewrites) {
    if (rewrite.kind !== 'KeyRenamer') continue;
    const { path, renameKeyTo: name } = rewrite;
    // A client's variable of this name is never taken for it.
    variables[name] ??= undefined;
    const levels = path.findIndex((element) => element !== UP);
    const value = readAt(line[line.length - 1 - levels], path, levels, isSubtype);
    // Several rewrites may give one variable: one for each type that the context can be of.
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}

function readAt(value: unknown, path: readonly string[], depth: number, isSubtype: IsSubtype): unknown {
  const element = path[depth];
  if (element === undefined || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => readAt(item, path, depth, isSubtype));
  if (typeof value !== 'object') return undefined;
  const object = value as Data;
  if (!element.startsWith(FRAGMENT)) return readAt(own(object, element), path, depth + 1, isSubtype);
  const typename = object['__typename'];
  const fits = typeof typename !== 'string' || isSubtype(typename, element.slice(FRAGMENT.length));
  return fits ? readAt(object, path, depth + 1, isSubtype) : undefined;
}
