import type { QueryPlanSelectionNode } from '@apollo/query-planner';
import type { FetchStep } from '../compile/plan/steps.js';
import type { ConditionalRequirement } from '../supergraph/conditional-requirements.js';
import { dropPaths } from '../supergraph/required-paths.js';
import { holds } from '../supergraph/selection-conditions.js';

type Conditions = ReadonlyMap<string, boolean>;
type Requires = readonly QueryPlanSelectionNode[];

/** What is left of a step's requirements, by what is dropped; found out once. */
const known = new WeakMap<FetchStep, Map<string, Requires>>();

/** Whether conditions leave anything that a fetch selects. */
export function isSelected({ conditions }: FetchStep, values: Conditions): boolean {
  return !conditions?.selected || conditions.selected.some((included) => holds(included, values));
}

/**
 * What a fetch requires of entities where conditions have these values: what is needed by nothing that is selected is not
 * required. The same list for the same step and values.
 */
export function requirementsLeft(step: FetchStep, values: Conditions): Requires {
  const requires = step.requires ?? NOTHING;
  const conditional = step.conditions?.requirements ?? [];
  if (conditional.length === 0) return requires;
  const dropped = conditional.filter(({ neededBy }) => !neededBy.some((included) => holds(included, values)));
  if (dropped.length === 0) return requires;
  let byDropped = known.get(step);
  if (!byDropped) known.set(step, (byDropped = new Map<string, Requires>()));
  const key = dropped.map(({ type, path }) => `${type} ${path}`).join();
  let left = byDropped.get(key);
  if (!left) byDropped.set(key, (left = requires.map((selection) => without(selection, dropped))));
  return left;
}

function without(
  selection: QueryPlanSelectionNode,
  dropped: readonly ConditionalRequirement[],
): QueryPlanSelectionNode {
  if (selection.kind !== 'InlineFragment') return selection;
  const paths = new Set(dropped.flatMap(({ type, path }) => (type === selection.typeCondition ? path : [])));
  return { ...selection, selections: dropPaths(selection.selections, (path) => paths.has(path)) };
}

const NOTHING: Requires = [];
