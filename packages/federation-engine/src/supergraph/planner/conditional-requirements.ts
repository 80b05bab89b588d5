import type { FetchNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import {
  Kind,
  parse,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { readConditions, type SelectionCondition } from '../../request/selection-conditions.js';
import { requirementKey, type PlannerSchema } from './planner-schema.js';
import { requiredPaths } from './required-paths.js';
import { visitFetches } from './visit-fetches.js';

/** Boolean variables that let something be selected: all of them have to say so. */
export type Included = readonly SelectionCondition[];

/** A member that a fetch of entities need not send where nothing is selected that needs it. */
export interface ConditionalRequirement {
  /** Of the entities that it is sent of, as the fetch's requirements have it. */
  readonly type: string;
  /** Names joined by dots. */
  readonly path: string;
  /** Any of these is enough; none where it never is needed. */
  readonly neededBy: readonly Included[];
}

/** What conditions say about a fetch of entities. */
export interface FetchConditions {
  readonly requirements: readonly ConditionalRequirement[];
  /** Any of these lets something be selected; null where something always is. */
  readonly selected: readonly Included[] | null;
}

/** A fetch of a plan as it is compiled. */
export type PlannedFetch = FetchNode & { readonly conditions?: FetchConditions };

/**
 * Tells of each fetch of entities which of its requirements depend on conditions.
 *
 * Beside other fields of a subgraph the planner fetches `derived @include(if: $c)`, which requires `plain`, and asks for `plain` under
 * the same condition, or not at all where it can never hold. It says of every entity that `plain` has to be sent all the same:
 * without it nothing of the fetch could be. What identifies an entity is always sent.
 */
export function markConditions({ node }: QueryPlan, schema: PlannerSchema): void {
  if (!node) return;
  visitFetches(node, (fetch: FetchNode & { conditions?: FetchConditions }) => {
    const found = fetch.requires && findConditions(fetch, fetch.requires, schema);
    if (found) fetch.conditions = found;
  });
}

interface Selected {
  readonly type: string;
  readonly field: FieldNode;
  /** Null where it never is. */
  readonly included: Included | null;
}

function findConditions(
  { serviceName: subgraph, operation }: FetchNode,
  requires: readonly QueryPlanSelectionNode[],
  { requirements, keys }: PlannerSchema,
): FetchConditions | null {
  const fields = selectedOfEntities(parse(operation, { noLocation: true }));
  const isKey = (path: string) =>
    fields.some(({ type }) => keys.get(requirementKey(subgraph, type, ''))?.some((key) => key.includes(path)));
  const conditional = requires.flatMap((selection): ConditionalRequirement[] => {
    if (selection.kind !== 'InlineFragment' || selection.typeCondition === undefined) return [];
    const { typeCondition: type, selections } = selection;
    // A subgraph may know the type as an interface object only.
    const own = fields.filter((field) => field.type === type);
    const needs = neededBy(own.length > 0 ? own : fields, subgraph, requirements);
    return [...new Set(requiredPaths(selections))].flatMap((path): ConditionalRequirement[] => {
      const each = needs.get(path) ?? [];
      const isAlways = path.endsWith('__typename') || isKey(path) || each.some((included) => included.length === 0);
      return isAlways ? [] : [{ type, path, neededBy: each }];
    });
  });
  const selected = fields.flatMap(({ included }) => (included ? [included] : []));
  const isAlwaysSelected = fields.length === 0 || selected.some((included) => included.length === 0);
  if (conditional.length === 0 && isAlwaysSelected) return null;
  return { requirements: conditional, selected: isAlwaysSelected ? null : selected };
}

/** Which conditions let a field be selected that needs a path, by the path. */
function neededBy(
  fields: readonly Selected[],
  subgraph: string,
  requirements: PlannerSchema['requirements'],
): ReadonlyMap<string, readonly Included[]> {
  const found = new Map<string, Included[]>();
  for (const { type, field, included } of fields) {
    if (!included) continue;
    for (const path of requirements.get(requirementKey(subgraph, type, field.name.value)) ?? [])
      found.set(path, [...(found.get(path) ?? []), included]);
  }
  return found;
}

/** What a fetch selects of entities themselves. */
function selectedOfEntities({ definitions }: DocumentNode): Selected[] {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const found: Selected[] = [];

  function walk({ selections }: SelectionSetNode, type: string, outer: Included | null): void {
    for (const selection of selections) {
      const included = outer && include(outer, selection.directives);
      if (selection.kind === Kind.FIELD) {
        found.push({ type, field: selection, included });
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      if (fragment) walk(fragment.selectionSet, fragment.typeCondition?.name.value ?? type, included);
    }
  }

  for (const definition of definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION)
      for (const root of definition.selectionSet.selections)
        if (root.kind === Kind.FIELD && root.selectionSet) walk(root.selectionSet, '', []);
  return found;
}

/** With the conditions of directives; null when they never hold. */
function include(outer: Included, directives: readonly DirectiveNode[] = []): Included | null {
  const own = readConditions(directives);
  return own && [...outer, ...own];
}
