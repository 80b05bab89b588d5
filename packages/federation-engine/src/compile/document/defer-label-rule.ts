import { GraphQLError, Kind, type ASTVisitor, type DirectiveNode, type ValidationContext } from 'graphql';

/**
 * A label of `@defer` is a text, not a variable, and stands once in a document: clients know parts by it (Incremental Delivery,
 * "Defer And Stream Directive Labels Are Unique"). graphql-js 16 has no such rule.
 */
export function DeferLabelsAreUniqueRule(context: ValidationContext): ASTVisitor {
  const known = new Map<string, DirectiveNode>();
  return {
    Directive(node) {
      if (node.name.value !== 'defer') return;
      const label = node.arguments?.find(({ name }) => name.value === 'label')?.value;
      if (!label || label.kind === Kind.NULL) return;
      if (label.kind !== Kind.STRING) {
        context.reportError(new GraphQLError('The label of @defer is a text.', { nodes: node }));
        return;
      }
      const before = known.get(label.value);
      if (before)
        context.reportError(new GraphQLError('Labels of @defer stand once in a document.', { nodes: [before, node] }));
      else known.set(label.value, node);
    },
  };
}
