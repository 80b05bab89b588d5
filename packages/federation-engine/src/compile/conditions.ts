import { Kind, valueFromASTUntyped, visit, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { isCondition } from '../supergraph/selection-conditions.js';
import type { Variables } from './cost/amounts.js';

/** Values of the Boolean variables that decide about selections. */
export type Conditions = (variables: Variables) => ReadonlyMap<string, boolean>;

const NO_CONDITIONS: ReadonlyMap<string, boolean> = new Map();

/** Finds the variables that decide about selections of an operation. */
export function prepareConditions(document: DocumentNode, node: OperationDefinitionNode): Conditions {
  const deciding = decidingVariables(document, node);
  if (deciding.size === 0) return () => NO_CONDITIONS;
  return (variables) => {
    const values = new Map<string, boolean>();
    for (const [name, fallback] of deciding) {
      const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
      values.set(name, given === undefined ? fallback : given === true);
    }
    return values;
  };
}

/** Variables in `@skip`, `@include` and `@defer`, with their defaults. */
function decidingVariables(document: DocumentNode, node: OperationDefinitionNode): Map<string, boolean> {
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
