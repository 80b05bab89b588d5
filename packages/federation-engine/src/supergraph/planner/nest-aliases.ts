import type { FetchDataRewrite, FetchNode, QueryPlan } from '@apollo/query-planner';
import {
  Kind,
  parse,
  print,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { visitFetches } from './visit-fetches.js';

const FRAGMENT = '... on ';

/**
 * Gives fields the names that the planner forgets to give them, in the plan itself.
 *
 * The planner renames fields of a fetch whose types do not merge, and tells so in rewrites. Below a field that it has renamed
 * it tells so only: the operation keeps the names, which a subgraph refuses, and once the outer name is back the inner rewrite
 * finds nothing. The operation gets the names, and inner rewrites come first.
 */
export function nestAliases({ node }: QueryPlan): void {
  if (node) visitFetches(node, nestInFetch);
}

function nestInFetch(fetch: FetchNode): void {
  const rewrites = fetch.outputRewrites ?? [];
  const renamed = new Set(rewrites.flatMap(({ kind, path }) => (kind === 'KeyRenamer' ? [path.at(-1)] : [])));
  const nested = rewrites.filter(({ path }) => path.slice(0, -1).some((element) => renamed.has(element)));
  if (nested.length === 0) return;
  const document = writeOut(parse(fetch.operation, { noLocation: true }));
  fetch.operation = print({
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION
        ? { ...definition, selectionSet: nested.reduce(giveName, definition.selectionSet) }
        : definition,
    ),
  });
  delete fetch.operationDocumentNode;
  // The planner tells of the outer ones first.
  fetch.outputRewrites = [...rewrites].reverse();
}

/** Of a fetch of entities, paths begin with what is selected of them. */
function giveName(set: SelectionSetNode, rewrite: FetchDataRewrite): SelectionSetNode {
  if (rewrite.kind !== 'KeyRenamer') return set;
  const { path, renameKeyTo: name } = rewrite;
  const alias = path.at(-1) ?? name;

  function rename(inner: SelectionSetNode, depth: number): SelectionSetNode {
    return { ...inner, selections: inner.selections.map((selection) => renameIn(selection, depth)) };
  }

  function renameIn(selection: SelectionNode, depth: number): SelectionNode {
    const element = path[depth];
    if (selection.kind === Kind.FRAGMENT_SPREAD) return selection;
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const { typeCondition, selectionSet } = selection;
      if (!typeCondition) return { ...selection, selectionSet: rename(selectionSet, depth) };
      if (element !== FRAGMENT + typeCondition.name.value) return selection;
      return { ...selection, selectionSet: rename(selectionSet, depth + 1) };
    }
    const responseName = (selection.alias ?? selection.name).value;
    if (depth === path.length - 1)
      return responseName === name ? { ...selection, alias: { kind: Kind.NAME, value: alias } } : selection;
    if (responseName !== element || !selection.selectionSet) return selection;
    return { ...selection, selectionSet: rename(selection.selectionSet, depth + 1) };
  }

  const [only] = set.selections;
  if (only?.kind === Kind.FIELD && only.name.value === '_entities' && only.selectionSet)
    return { ...set, selections: [{ ...only, selectionSet: rename(only.selectionSet, 0) }] };
  return rename(set, 0);
}

/** An operation with its fragments where they are spread: a name may be given in one of the places only. */
function writeOut(document: DocumentNode): DocumentNode {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  if (fragments.size === 0) return document;
  const write = ({ selections }: SelectionSetNode): SelectionSetNode => ({
    kind: Kind.SELECTION_SET,
    selections: selections.map((selection): SelectionNode => {
      if (selection.kind !== Kind.FRAGMENT_SPREAD)
        return selection.selectionSet ? { ...selection, selectionSet: write(selection.selectionSet) } : selection;
      const fragment = fragments.get(selection.name.value);
      if (!fragment) return selection;
      const { typeCondition, selectionSet } = fragment;
      const { directives } = selection;
      return {
        kind: Kind.INLINE_FRAGMENT,
        typeCondition,
        ...(directives && { directives }),
        selectionSet: write(selectionSet),
      };
    }),
  });
  return {
    ...document,
    definitions: document.definitions.flatMap((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION
        ? [{ ...definition, selectionSet: write(definition.selectionSet) }]
        : [],
    ),
  };
}
