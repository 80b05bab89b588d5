import type { ContextArgument, PathStep } from '../compile/plan/steps.js';
import type { Targets } from './targets.js';
import { readAt, walkPlaces } from './walk-places.js';
import type { Data } from '../request/data.js';

/** Entities whose contexts say the same. */
interface ContextGroup {
  readonly targets: Targets;
  /** Values of the variables that take arguments from a context; undefined where the context has none. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Groups the entities at a path by the values that their contexts give to arguments (`@fromContext`).
 *
 * Arguments are variables of a fetch, so entities with different values need fetches of their own. A context is an object
 * around the entity, as many levels up as each argument says. Such a plan shares no objects (see `compile-plan.ts`):
 * an entity that stood at two places would have two contexts.
 */
export function groupByContext(
  root: Data,
  path: readonly PathStep[],
  contexts: readonly ContextArgument[],
): ContextGroup[] {
  const groups = new Map<string, ContextGroup>();

  walkPlaces(root, path, (object, { holders, keys, length }) => {
    // Lists on the way are no context.
    const around = holders.slice(1, length).filter((holder) => !Array.isArray(holder));
    const variables = readContexts([...around, object], contexts);
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
function readContexts(line: readonly Data[], contexts: readonly ContextArgument[]): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const { variable, levels, path } of contexts) {
    // A client's variable of this name is never taken for it.
    variables[variable] ??= undefined;
    const value = path === null ? undefined : readAt(line[line.length - 1 - levels], path);
    // Several members may give one variable: one for each type that the context can be of.
    if (value !== undefined) variables[variable] = value;
  }
  return variables;
}
