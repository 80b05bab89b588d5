import { Kind, type DirectiveNode, type DocumentNode, type SelectionNode, type SelectionSetNode } from 'graphql';
import { isCondition, readConditions } from '../../request/selection-conditions.js';

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
    if (readConditions(directives) === null) return [];
    const kept = { ...selection, directives: directives.filter((each) => !isCondition(each) || hasVariable(each)) };
    if (kept.kind === Kind.FRAGMENT_SPREAD || !kept.selectionSet) return [kept];
    const selectionSet = settle(kept.selectionSet);
    if (kept.kind === Kind.FIELD) return [{ ...kept, selectionSet: selectionSet ?? TYPENAME_ONLY }];
    return selectionSet ? [{ ...kept, selectionSet }] : [];
  });
  return left.length === 0 ? null : { kind: Kind.SELECTION_SET, selections: left };
}

function hasVariable(condition: DirectiveNode): boolean {
  return readConditions([condition])?.length === 1;
}

const TYPENAME_ONLY: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
};
