import type { QueryPlanSelectionNode } from '@apollo/query-planner';
import { compactTexts } from '../../request/compact-texts.js';
import type { ConditionalRequirement, FetchConditions } from '../../supergraph/planner/conditional-requirements.js';
import { dropPaths } from '../../supergraph/planner/required-paths.js';
import { holds } from '../../request/selection-conditions.js';
import type { TypesWithin } from '../../supergraph/supergraph.js';
import type { PlainMembers, RepresentationPlan, Representations, RequiredOf, Rewrite } from './steps.js';

type Requires = readonly QueryPlanSelectionNode[];

/** What is sent differs by the values of Boolean variables, which clients choose. */
const MAX_PLANS = 32;

/** Compiles what a fetch sends of entities. */
export function compileRepresentations(
  requires: Requires,
  conditions: FetchConditions | null,
  rewrites: readonly Rewrite[],
  typesWithin: TypesWithin,
): Representations {
  const whole = toPlan(requires, rewrites, typesWithin);
  const conditional = conditions?.requirements ?? [];
  if (conditional.length === 0) return () => whole;
  /** By what is dropped. */
  const known = new Map<string, RepresentationPlan>();
  return (values) => {
    // What is needed by nothing that is selected is not required.
    const dropped = conditional.filter(({ neededBy }) => !neededBy.some((included) => holds(included, values)));
    if (dropped.length === 0) return whole;
    const key = dropped.map(({ type, path }) => `${type} ${path}`).join();
    let plan = known.get(key);
    if (!plan) {
      if (known.size >= MAX_PLANS) known.clear();
      const left = requires.map((selection) => without(selection, dropped));
      known.set(key, (plan = toPlan(left, rewrites, typesWithin)));
    }
    return plan;
  };
}

function without(
  selection: QueryPlanSelectionNode,
  dropped: readonly ConditionalRequirement[],
): QueryPlanSelectionNode {
  if (selection.kind !== 'InlineFragment') return selection;
  const paths = new Set(dropped.flatMap(({ type, path }) => (type === selection.typeCondition ? path : [])));
  return { ...selection, selections: dropPaths(selection.selections, (path) => paths.has(path)) };
}

function toPlan(requires: Requires, rewrites: readonly Rewrite[], typesWithin: TypesWithin): RepresentationPlan {
  const required = compileRequired(requires, typesWithin);
  /** Which types apply is found out once for each that comes by. */
  const byType = new Map<string, PlainMembers | null>();
  return {
    required,
    rewrites,
    plain(typename) {
      let plain = byType.get(typename);
      if (plain === undefined) {
        const names = rewrites.length > 0 ? null : plainNames(required, typename);
        plain = names && toPlainMembers(names, typename);
        byType.set(typename, plain);
      }
      return plain;
    },
  };
}

function compileRequired(selections: Requires, typesWithin: TypesWithin): RequiredOf[] {
  return selections.flatMap((selection): RequiredOf[] => {
    if (selection.kind === 'Field') {
      const inner = selection.selections ? compileRequired(selection.selections, typesWithin) : null;
      return [{ kind: 'member', name: selection.alias ?? selection.name, inner }];
    }
    const { typeCondition: condition, selections: inner } = selection;
    if (condition === undefined) return [];
    return [{ kind: 'type', condition, types: typesWithin(condition), inner: compileRequired(inner, typesWithin) }];
  });
}

/** The common case: keys and scalars for one type condition. Null for any other. */
function plainNames(required: readonly RequiredOf[], typename: string): readonly string[] | null {
  const applying = required.filter((each) => each.kind === 'member' || each.types.has(typename));
  const [only] = applying;
  if (applying.length !== 1 || only?.kind !== 'type') return null;
  const names = new Set<string>();
  for (const each of only.inner) {
    if (each.kind !== 'member' || each.inner) return null;
    names.add(each.name);
  }
  return names.has('__typename') ? [...names] : null;
}

function toPlainMembers(names: readonly string[], typename: string): PlainMembers {
  const varying: string[] = [];
  const heads: string[] = [];
  let text = '';
  for (const [index, name] of names.entries()) {
    text += `${index === 0 ? '{' : ','}"${name}":`;
    if (name === '__typename') text += JSON.stringify(typename);
    else {
      varying.push(name);
      heads.push(text);
      text = '';
    }
  }
  return { typename, names, varying, heads: compactTexts(heads), end: `${text}}`, hasId: names.includes('id') };
}
