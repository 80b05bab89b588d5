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
import { requirementKey, type PlannerSchema } from './planner-schema.js';
import { requiredPaths } from './required-paths.js';
import { visitFetches } from './visit-fetches.js';

/** Boolean variables that let something be selected: all of them have to say so. */
export type Included = ReadonlyArray<{ readonly variable: string; readonly is: boolean }>;

/** A member that a fetch of entities need not send where nothing is selected that needs it. */
export interface ConditionalRequirement {
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
 * the same condition. It says of every entity that `plain` has to be sent all the same: without it nothing of the fetch could be.
 * What identifies an entity is always sent.
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
  if (fields.every(({ included }) => included?.length === 0)) return null;
  const neededBy = new Map<string, Included[]>();
  for (const { type, field, included } of fields)
    for (const path of requirements.get(requirementKey(subgraph, type, field.name.value)) ?? [])
      neededBy.set(path, [...(neededBy.get(path) ?? []), ...(included ? [included] : [])]);
  const conditional = [...neededBy].flatMap(([path, each]): ConditionalRequirement[] =>
    each.every((included) => included.length > 0) ? [{ path, neededBy: each }] : [],
  );
  // A member may be required, and be a key as well: one key has to be left.
  const sent = new Set(requiredPaths(requires).filter((path) => !conditional.some((each) => each.path === path)));
  const isIdentified = [...new Set(fields.map(({ type }) => type))].every((type) =>
    keys.get(requirementKey(subgraph, type, ''))?.some((key) => key.every((path) => sent.has(path))),
  );
  const selected = fields.flatMap(({ included }) => (included ? [included] : []));
  return {
    requirements: isIdentified ? conditional : [],
    selected: selected.every((included) => included.length > 0) ? selected : null,
  };
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
  const added = [...outer];
  for (const { name, arguments: args } of directives) {
    if (name.value !== 'skip' && name.value !== 'include') continue;
    const is = name.value === 'include';
    const value = args?.[0]?.value;
    if (value?.kind === Kind.BOOLEAN && value.value !== is) return null;
    if (value?.kind === Kind.VARIABLE) added.push({ variable: value.name.value, is });
  }
  return added;
}
