import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  typeFromAST,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { SecurityRequirement, SecurityRequirements } from '../supergraph/security-requirements.js';

/** A selection that asks something of the viewer. */
export interface SecuredSelection extends SecurityRequirement {
  readonly coordinate: string;
  /** Response names from the root; list indices are not known yet. */
  readonly path: readonly string[];
  /** Names of variables that leave the selection out: when false, or when true. */
  readonly unless: readonly { readonly variable: string; readonly is: boolean }[];
}

/**
 * Finds the selections of an operation that need a signed-in viewer or scopes, on fields, on the types they return and,
 * for abstract types, on every type that may stand there.
 */
export function findSecuredSelections(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  requirements: SecurityRequirements,
): SecuredSelection[] {
  const root = schema.getRootType(operation.operation);
  if (!root || requirements.size === 0) return [];
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const found: SecuredSelection[] = [];

  function walk(
    selectionSet: SelectionSetNode,
    parent: GraphQLCompositeType,
    path: readonly string[],
    unless: SecuredSelection['unless'],
  ): void {
    for (const selection of selectionSet.selections) {
      const conditions = conditionsOf(selection.directives);
      if (conditions === null) continue;
      const here = [...unless, ...conditions];
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
    unless: SecuredSelection['unless'],
  ): void {
    const fieldPath = [...path, (field.alias ?? field.name).value];
    const owners = isAbstractType(parent) ? [parent, ...schema.getPossibleTypes(parent)] : [parent];
    for (const owner of owners) note(`${owner.name}.${field.name.value}`, fieldPath, unless);
    const definition = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined;
    if (!definition) return;
    const type = getNamedType(definition.type);
    note(type.name, fieldPath, unless);
    if (field.selectionSet && isCompositeType(type)) walk(field.selectionSet, type, fieldPath, unless);
  }

  function note(coordinate: string, path: readonly string[], unless: SecuredSelection['unless']): void {
    const requirement = requirements.get(coordinate);
    if (requirement) found.push({ ...requirement, coordinate, path, unless });
  }

  walk(operation.selectionSet, root, [], []);
  return found;
}

/** The variables that decide about a selection; null when it is left out whatever they are. */
function conditionsOf(directives: readonly DirectiveNode[] | undefined): SecuredSelection['unless'] | null {
  const conditions: { variable: string; is: boolean }[] = [];
  for (const { name, arguments: args } of directives ?? []) {
    if (name.value !== 'skip' && name.value !== 'include') continue;
    const leavesOutWhen = name.value === 'skip';
    const value = args?.[0]?.value;
    if (value?.kind === Kind.BOOLEAN && value.value === leavesOutWhen) return null;
    if (value?.kind === Kind.VARIABLE) conditions.push({ variable: value.name.value, is: leavesOutWhen });
  }
  return conditions;
}
