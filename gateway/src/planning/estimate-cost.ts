import {
  getNamedType,
  getNullableType,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  OperationTypeNode,
  typeFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/**
 * Estimates the cost of an operation, in objects that its answer may hold: one for each object, as many as a list may have
 * for a list, and ten more for a mutation. Scalars are free.
 */
export type CostEstimate = (variables: Readonly<Record<string, unknown>>) => number;

/** Of a list that no argument bounds. */
const DEFAULT_LIST_SIZE = 10;
const MUTATION_COST = 10;
/** Estimates end here: what multiplies lists in lists would soon be no number. */
export const MAX_COST = Number.MAX_SAFE_INTEGER;
/** Arguments that bound a list, or the lists of the connection that a field returns. */
const SIZE_ARGUMENTS = new Set(['first', 'last', 'limit']);

interface CostNode {
  readonly isList: boolean;
  /** A number, the name of a variable with its default, or null for what the enclosing field says. */
  readonly size: number | { readonly variable: string; readonly fallback: number | null } | null;
  readonly children: readonly CostNode[];
}

/** Prepares the estimate of an operation; only variables are left open. */
export function prepareCostEstimate(
  schema: GraphQLSchema,
  node: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): CostEstimate {
  const root = schema.getRootType(node.operation);
  const defaults = new Map(
    (node.variableDefinitions ?? []).map(({ variable, defaultValue }) => [
      variable.name.value,
      defaultValue?.kind === Kind.INT ? Number(defaultValue.value) : null,
    ]),
  );

  function nodesOf(selectionSet: SelectionSetNode, type: GraphQLCompositeType): CostNode[] {
    return selectionSet.selections.flatMap((selection): CostNode[] => {
      if (selection.kind === Kind.FIELD) return nodeOf(selection, type) ?? [];
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      if (!fragment) return [];
      const condition = fragment.typeCondition ? typeFromAST(schema, fragment.typeCondition) : type;
      return isCompositeType(condition) ? nodesOf(fragment.selectionSet, condition) : [];
    });
  }

  function nodeOf(field: FieldNode, parent: GraphQLCompositeType): CostNode[] | null {
    const definition = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined;
    if (!definition || !field.selectionSet) return null;
    const type = getNamedType(definition.type);
    if (!isCompositeType(type)) return null;
    const children = nodesOf(field.selectionSet, type);
    return [{ isList: isList(definition.type), size: sizeOf(field, definition.args), children }];
  }

  function sizeOf(field: FieldNode, args: ReadonlyArray<{ name: string; defaultValue?: unknown }>): CostNode['size'] {
    for (const { name, value } of field.arguments ?? []) {
      if (!SIZE_ARGUMENTS.has(name.value)) continue;
      if (value.kind === Kind.INT) return Number(value.value);
      if (value.kind === Kind.VARIABLE)
        return { variable: value.name.value, fallback: defaults.get(value.name.value) ?? null };
    }
    const standard = args.find(
      ({ name, defaultValue }) => SIZE_ARGUMENTS.has(name) && typeof defaultValue === 'number',
    );
    return standard ? (standard.defaultValue as number) : null;
  }

  const nodes = root ? nodesOf(node.selectionSet, root) : [];
  const base = node.operation === OperationTypeNode.MUTATION ? MUTATION_COST : 0;
  return (variables) =>
    Math.min(
      MAX_COST,
      nodes.reduce((sum, child) => sum + costOf(child, null, variables), base),
    );
}

function costOf(node: CostNode, enclosing: number | null, variables: Readonly<Record<string, unknown>>): number {
  const own = readSize(node.size, variables);
  const count = node.isList ? (own ?? enclosing ?? DEFAULT_LIST_SIZE) : 1;
  // The size of a connection is that of the lists right below it.
  const below = node.isList ? null : own;
  let sum = 1;
  for (const child of node.children) sum += costOf(child, below, variables);
  return Math.min(MAX_COST, count * sum);
}

function readSize(size: CostNode['size'], variables: Readonly<Record<string, unknown>>): number | null {
  if (size === null || typeof size === 'number') return size;
  const given = variables[size.variable];
  return typeof given === 'number' && given >= 0 ? given : size.fallback;
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? getNullableType(type) : type);
}
