import {
  isAbstractType,
  isObjectType,
  Kind,
  typeFromAST,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLSchema,
  type InlineFragmentNode,
} from 'graphql';

/** What is written once for each type grows with each such fragment in another. */
const MAX_COPIES = 64;

/**
 * Writes fragments on interfaces and unions, where they stand on another interface, once for each object type that is both;
 * where they stand on an object type under a condition, inside that condition.
 *
 * From an `@interfaceObject` the planner finds the way to an object type only: at `... on Vehicle` in a field of type `Thing`,
 * whose subgraph knows nothing but things, it fails by an assertion. Returns the same document when there is nothing to
 * write so, or too much.
 */
export function castToObjects(document: DocumentNode, schema: GraphQLSchema): DocumentNode {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const types = new TypeInfo(schema);
  /** How often what is written now is written. */
  const copies = [1];
  let isTooMuch = false;

  /** Object types that a fragment is written for; null where it stays as it is. */
  function objectsFor(selection: InlineFragmentNode | FragmentSpreadNode): string[] | null {
    const parent = types.getParentType();
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
    const condition = fragment?.typeCondition && typeFromAST(schema, fragment.typeCondition);
    if (!parent || !condition || parent === condition || !isAbstractType(condition)) return null;
    const { directives = [] } = selection;
    // What is deferred has one label.
    if (directives.some(({ name }) => name.value === 'defer')) return null;
    const possible = new Set(schema.getPossibleTypes(condition));
    if (isObjectType(parent)) return directives.length > 0 && possible.has(parent) ? [parent.name] : null;
    if (!isAbstractType(parent)) return null;
    return schema.getPossibleTypes(parent).flatMap((type) => (possible.has(type) ? [type.name] : []));
  }

  const cast = {
    enter(selection: InlineFragmentNode | FragmentSpreadNode): void {
      const count = (copies.at(-1) ?? 1) * Math.max(1, objectsFor(selection)?.length ?? 1);
      copies.push(count);
      isTooMuch ||= count > MAX_COPIES;
    },
    leave(selection: InlineFragmentNode | FragmentSpreadNode): InlineFragmentNode | undefined {
      copies.pop();
      const names = isTooMuch ? null : objectsFor(selection);
      return names && names.length > 0 ? forEach(names, selection) : undefined;
    },
  };
  const written = visit(document, visitWithTypeInfo(types, { InlineFragment: cast, FragmentSpread: cast }));
  return isTooMuch ? document : written;
}

/** The planner does not look through a fragment with a condition, so the condition stands around them. */
function forEach(names: readonly string[], selection: InlineFragmentNode | FragmentSpreadNode): InlineFragmentNode {
  const { directives, ...bare } = selection;
  const selections = names.map((name) => ({
    kind: Kind.INLINE_FRAGMENT as const,
    typeCondition: { kind: Kind.NAMED_TYPE as const, name: { kind: Kind.NAME as const, value: name } },
    selectionSet: { kind: Kind.SELECTION_SET as const, selections: [bare] },
  }));
  return {
    kind: Kind.INLINE_FRAGMENT,
    ...(directives && { directives }),
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  };
}
