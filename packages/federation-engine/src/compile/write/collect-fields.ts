import {
  isAbstractType,
  Kind,
  typeFromAST,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { holds, readConditions } from '../../request/selection-conditions.js';

/** What an operation's selections are read with. */
export interface SelectionContext {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Values of the Boolean variables that `@skip`, `@include` and `@defer` name. */
  readonly conditions: ReadonlyMap<string, boolean>;
  /** Leaves out what `@defer` puts off. */
  readonly withoutDeferred?: boolean;
}

/**
 * Groups the fields that selection sets ask of an object of `type` by response name, in the order of the answer
 * (GraphQL specification, "CollectFields"). `type` is abstract where data do not say more.
 */
export function collectFields(
  context: SelectionContext,
  type: GraphQLCompositeType,
  selectionSets: readonly SelectionSetNode[],
): Map<string, FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const visited = new Set<string>();

  function collect(selectionSet: SelectionSetNode): void {
    for (const selection of selectionSet.selections) {
      if (!isIncluded(context, selection.directives)) continue;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const group = fields.get(name);
        if (group) group.push(selection);
        else fields.set(name, [selection]);
        continue;
      }
      if (context.withoutDeferred && isDeferred(context, selection.directives)) continue;
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        if (visited.has(selection.name.value)) continue;
        visited.add(selection.name.value);
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : context.fragments.get(selection.name.value);
      if (!fragment) continue;
      const condition = fragment.typeCondition ? typeFromAST(context.schema, fragment.typeCondition) : type;
      if (condition && applies(context.schema, condition as GraphQLCompositeType, type)) collect(fragment.selectionSet);
    }
  }

  for (const selectionSet of selectionSets) collect(selectionSet);
  return fields;
}

function applies(schema: GraphQLSchema, condition: GraphQLCompositeType, type: GraphQLCompositeType): boolean {
  if (condition === type) return true;
  return isAbstractType(condition) && 'getInterfaces' in type && schema.isSubType(condition, type);
}

function isIncluded({ conditions }: SelectionContext, directives: readonly DirectiveNode[] | undefined): boolean {
  const own = readConditions(directives);
  return own !== null && holds(own, conditions);
}

function isDeferred({ conditions }: SelectionContext, directives: readonly DirectiveNode[] | undefined): boolean {
  const defer = directives?.find(({ name }) => name.value === 'defer');
  return defer !== undefined && evaluate(defer.arguments?.find(({ name }) => name.value === 'if')?.value, conditions);
}

/** The value of an `if` argument; true when there is none. */
function evaluate(value: ValueNode | undefined, conditions: ReadonlyMap<string, boolean>): boolean {
  if (value?.kind === Kind.BOOLEAN) return value.value;
  return value?.kind === Kind.VARIABLE ? conditions.get(value.name.value) === true : true;
}
