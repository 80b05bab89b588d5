import { GraphQLError, type ASTVisitor, type ValidationContext } from 'graphql';

/**
 * Refuses floats that no number of 64 bits holds, such as 1e400: they are no finite values (GraphQL specification, "Float"), and graphql-js reads
 * them as Infinity, which no JSON and no plan can write.
 */
export function FloatsAreFiniteRule(context: ValidationContext): ASTVisitor {
  return {
    FloatValue(node) {
      if (!Number.isFinite(Number(node.value)))
        context.reportError(new GraphQLError(`${node.value.slice(0, 40)} is beyond every Float.`, { nodes: node }));
    },
  };
}
