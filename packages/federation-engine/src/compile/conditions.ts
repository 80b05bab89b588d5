import { Kind, valueFromASTUntyped, visit, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { isCondition } from '../supergraph/selection-conditions.js';
import type { Variables } from './cost/amounts.js';

const NO_CONDITIONS: ReadonlyMap<string, boolean> = new Map();

/** Values of the Boolean variables that decide about selections: what is given, or the default. */
export function conditionsOf(
  { deciding }: { readonly deciding: ReadonlyMap<string, boolean> },
  variables: Variables,
): ReadonlyMap<string, boolean> {
  if (deciding.size === 0) return NO_CONDITIONS;
  const values = new Map<string, boolean>();
  for (const [name, fallback] of deciding) {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    values.set(name, given === undefined ? fallback : given === true);
  }
  return values;
}

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
