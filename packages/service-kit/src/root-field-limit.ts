import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type FragmentDefinitionNode,
  type SelectionSetNode,
  type ValidationRule,
} from 'graphql';

/**
 * Makes the rule that an operation has at most so many root fields, fragments spread: each is work of its own, such as a login.
 */
export function limitRootFields(maximum: number): ValidationRule {
  return (context): ASTVisitor => ({
    OperationDefinition(operation) {
      const fragments = new Map<string, FragmentDefinitionNode>();
      for (const definition of context.getDocument().definitions)
        if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
      if (count(operation.selectionSet, fragments, new Map()) <= maximum) return;
      context.reportError(
        new GraphQLError(`An operation has at most ${maximum} root fields here.`, { nodes: operation }),
      );
    },
  });
}

/** Each fragment is counted once, however often it is spread; one that spreads itself counts nothing, and is refused elsewhere. */
function count(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  counted: Map<string, number>,
): number {
  let fields = 0;
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) fields += 1;
    else if (selection.kind === Kind.INLINE_FRAGMENT) fields += count(selection.selectionSet, fragments, counted);
    else {
      const name = selection.name.value;
      const fragment = fragments.get(name);
      if (fragment && !counted.has(name)) {
        counted.set(name, 0);
        counted.set(name, count(fragment.selectionSet, fragments, counted));
      }
      fields += counted.get(name) ?? 0;
    }
  }
  return fields;
}
