import { Kind, type DirectiveNode, type DocumentNode, type SelectionNode, type SelectionSetNode } from 'graphql';

/**
 * A document without what `@skip(if: true)` and `@include(if: false)` leave out, and without the conditions that always hold.
 *
 * The planner forgets such conditions where a variable decides about all of a fetch, and asks for what they leave out, but not
 * for what that requires. Objects of which nothing is left are asked for their type's name.
 */
export function withoutFixedConditions(document: DocumentNode): DocumentNode {
  return {
    ...document,
    definitions: document.definitions.map((definition) =>
      'selectionSet' in definition
        ? { ...definition, selectionSet: settle(definition.selectionSet) ?? TYPENAME_ONLY }
        : definition,
    ),
  };
}

function settle({ selections }: SelectionSetNode): SelectionSetNode | null {
  const left = selections.flatMap((selection): SelectionNode[] => {
    const directives = selection.directives ?? [];
    if (directives.some((each) => valueOf(each) === false)) return [];
    const kept = { ...selection, directives: directives.filter((each) => valueOf(each) === null) };
    if (kept.kind === Kind.FRAGMENT_SPREAD || !kept.selectionSet) return [kept];
    const selectionSet = settle(kept.selectionSet);
    if (kept.kind === Kind.FIELD) return [{ ...kept, selectionSet: selectionSet ?? TYPENAME_ONLY }];
    return selectionSet ? [{ ...kept, selectionSet }] : [];
  });
  return left.length === 0 ? null : { kind: Kind.SELECTION_SET, selections: left };
}

/** Whether a condition lets its selection stand; null where it is none, or variables decide. */
function valueOf({ name, arguments: args }: DirectiveNode): boolean | null {
  if (name.value !== 'skip' && name.value !== 'include') return null;
  const value = args?.[0]?.value;
  return value?.kind === Kind.BOOLEAN ? value.value === (name.value === 'include') : null;
}

const TYPENAME_ONLY: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
};
