import { Kind, valueFromASTUntyped, visit, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { isCondition } from '../../request/selection-conditions.js';

/** Finds the variables of an operation that decide about selections (`@skip`, `@include`, `@defer`), with their defaults. */
export function decidingVariables(document: DocumentNode, node: OperationDefinitionNode): ReadonlyMap<string, boolean> {
  const names = new Set<string>();
  visit(document, {
    Directive(directive) {
      if (!isCondition(directive) && directive.name.value !== 'defer') return;
      for (const { value } of directive.arguments ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  const deciding = new Map<string, boolean>();
  for (const { variable, defaultValue } of node.variableDefinitions ?? []) {
    const name = variable.name.value;
    if (names.has(name)) deciding.set(name, defaultValue ? valueFromASTUntyped(defaultValue) === true : false);
  }
  return deciding;
}
