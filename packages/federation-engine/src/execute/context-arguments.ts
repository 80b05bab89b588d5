import type { FetchDataRewrite } from '@apollo/query-planner';
import type { PathStep } from '../compile/plan/steps.js';
import { FRAGMENT, meets } from './rewrites.js';
import type { IsSubtype } from '../supergraph/supergraph.js';
import type { Targets } from './targets.js';
import { walkPlaces } from './walk-places.js';
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

  walkPlaces(root, path, (object, { holders, keys, length }) => {
    // Lists on the way are no context.
    const around = holders.slice(1, length).filter((holder) => !Array.isArray(holder));
    const variables = readContexts([...around, object], rewrites, isSubtype);
    const text = JSON.stringify(variables);
    let group = groups.get(text);
    if (!group) groups.set(text, (group = { targets: { objects: [], holders: [], keys: [] }, variables }));
    group.targets.objects.push(object);
    group.targets.holders.push(holders[length - 1] as Record<string | number, unknown>);
    group.targets.keys.push(keys[length - 1] as string | number);
  });
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
  return meets(object, element, isSubtype) ? readAt(object, path, depth + 1, isSubtype) : undefined;
}
