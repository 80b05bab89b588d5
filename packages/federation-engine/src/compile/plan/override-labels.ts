import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  typeFromAST,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Supergraph } from '../../supergraph/supergraph.js';

const NONE: readonly string[] = [];

/** Finds the labels of `@override` that decide how an operation is planned. None of most operations, at no cost. */
export function findOverrideLabels(
  { schema, overrides }: Supergraph,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  { operation, selectionSet }: OperationDefinitionNode,
): readonly string[] {
  const root = schema.getRootType(operation);
  if (overrides.size === 0 || !root) return NONE;
  const labels = new Set<string>();
  const visited = new Set<string>();
  const note = (coordinate: string): void => overrides.get(coordinate)?.forEach((label) => labels.add(label));

  /** A type, those below it and those above: an interface object has fields for all of its types. */
  function related(type: GraphQLCompositeType): readonly GraphQLCompositeType[] {
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
    const above = objects.flatMap((object) => (isObjectType(object) ? object.getInterfaces() : []));
    return [...new Set<GraphQLCompositeType>([type, ...objects, ...above])];
  }

  function walk({ selections }: SelectionSetNode, parent: GraphQLCompositeType): void {
    for (const { name } of related(parent)) note(name);
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        const fieldName = selection.name.value;
        for (const { name } of related(parent)) note(`${name}.${fieldName}`);
        const definition = 'getFields' in parent ? parent.getFields()[fieldName] : undefined;
        const type = definition && getNamedType(definition.type);
        if (selection.selectionSet && isCompositeType(type)) walk(selection.selectionSet, type);
        continue;
      }
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (visited.has(selection.name.value)) continue;
        visited.add(selection.name.value);
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      const type = fragment?.typeCondition ? typeFromAST(schema, fragment.typeCondition) : parent;
      if (fragment && isCompositeType(type)) walk(fragment.selectionSet, type);
    }
  }

  walk(selectionSet, root);
  return [...labels].sort();
}
