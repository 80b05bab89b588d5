import {
  getNamedType,
  isCompositeType,
  Kind,
  typeFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { readConditions, type SelectionCondition } from '../../request/selection-conditions.js';
import type { Supergraph } from '../../supergraph/supergraph.js';
import { guardsOf } from './guards.js';

/** A selection that asks something of the viewer. */
export interface SecuredSelection {
  /** Indices into the conditions of the supergraph: all of them have to hold. */
  readonly conditions: readonly number[];
  /** Response names from the root; list indices are not known yet. */
  readonly path: readonly string[];
  /** What variables have to say for the selection to stand: all of them. */
  readonly included: readonly SelectionCondition[];
}

/** Finds the selections of an operation that ask something of the viewer. */
export function findSecuredSelections(
  supergraph: Supergraph,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  operation: OperationDefinitionNode,
): SecuredSelection[] {
  const { schema, requirements } = supergraph;
  const root = schema.getRootType(operation.operation);
  if (!root || requirements.byCoordinate.size === 0) return [];
  const guards = guardsOf(supergraph);
  const found: SecuredSelection[] = [];

  function walk(
    selectionSet: SelectionSetNode,
    parent: GraphQLCompositeType,
    path: readonly string[],
    included: SecuredSelection['included'],
  ): void {
    for (const selection of selectionSet.selections) {
      const conditions = readConditions(selection.directives);
      if (conditions === null) continue;
      const here = [...included, ...conditions];
      if (selection.kind === Kind.FIELD) {
        walkField(selection, parent, path, here);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      if (!fragment) continue;
      const type = fragment.typeCondition ? typeFromAST(schema, fragment.typeCondition) : parent;
      if (type && isCompositeType(type)) walk(fragment.selectionSet, type, path, here);
    }
  }

  function walkField(
    field: FieldNode,
    parent: GraphQLCompositeType,
    path: readonly string[],
    included: SecuredSelection['included'],
  ): void {
    const fieldPath = [...path, (field.alias ?? field.name).value];
    const conditions = guards(parent, field.name.value);
    if (conditions.length > 0) found.push({ conditions, path: fieldPath, included });
    const definition = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined;
    const type = definition && getNamedType(definition.type);
    if (field.selectionSet && isCompositeType(type)) walk(field.selectionSet, type, fieldPath, included);
  }

  walk(operation.selectionSet, root, [], []);
  return found;
}
