import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  Kind,
  parse,
  valueFromASTUntyped,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { GuardedGraph, Need } from './guarded-graph.js';

export interface ReferenceViewer {
  readonly isSignedIn: boolean;
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
}

export interface ReferenceAnswer {
  readonly data: unknown;
  /** Paths of what is withheld, in no order. */
  readonly withheld: ReadonlySet<string>;
}

/** A field as it is selected, and whether its viewer may not see it. */
interface Selected {
  readonly node: FieldNode;
  readonly isWithheld: boolean;
}

/** Null in the place of a non-null type, on its way up. */
const NULLED = Symbol('nulled');

/**
 * Answers an operation as slowly and obviously as can be: from the data themselves, object by object, asking of each field
 * what was written on it, on the type that it is selected of and on the type that it returns.
 */
export function answerAsWritten(
  graph: GuardedGraph,
  schema: GraphQLSchema,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  viewer: ReferenceViewer,
): ReferenceAnswer {
  const document = parse(query);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error('there is no operation');
  const withheld = new Set<string>();
  const given: Record<string, unknown> = { ...variables };
  for (const { variable, defaultValue } of operation.variableDefinitions ?? [])
    if (defaultValue && !(variable.name.value in given)) given[variable.name.value] = valueFromASTUntyped(defaultValue);

  function meets(need: Need): boolean {
    if (need.kind === 'policy') return need.anyOf.some((all) => all.every((each) => viewer.policies.includes(each)));
    if (!viewer.isSignedIn) return false;
    return need.kind === 'authenticated' || need.anyOf.some((all) => all.every((each) => viewer.scopes.includes(each)));
  }

  function allows(coordinate: string): boolean {
    return (graph.needs.get(coordinate) ?? []).every(meets);
  }

  /** An interface asks for what its types ask for; a union for nothing. */
  function mayBeSeen(type: string): boolean {
    const named = schema.getType(type);
    return isInterfaceType(named) ? schema.getPossibleTypes(named).every(({ name }) => allows(name)) : allows(type);
  }

  function maySelect(parent: GraphQLCompositeType, field: string): boolean {
    if (field === '__typename' || !('getFields' in parent)) return true;
    const returned = getNamedType(parent.getFields()[field]!.type).name;
    const owners = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent];
    return mayBeSeen(returned) && owners.every(({ name }) => allows(name) && allows(`${name}.${field}`));
  }

  function isIncluded(directives: readonly DirectiveNode[] | undefined): boolean {
    return (directives ?? []).every(({ name, arguments: args }) => {
      const value = args?.[0]?.value;
      const holds =
        value?.kind === Kind.BOOLEAN
          ? value.value
          : value?.kind === Kind.VARIABLE
            ? given[value.name.value] === true
            : true;
      return name.value === 'skip' ? !holds : name.value !== 'include' || holds;
    });
  }

  function collect(
    set: SelectionSetNode,
    parent: GraphQLCompositeType,
    object: GraphQLObjectType,
    isWithin: boolean,
    found: Map<string, Selected[]>,
  ): void {
    for (const selection of set.selections) {
      if (!isIncluded(selection.directives)) continue;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const isWithheld =
          selection.name.value !== '__typename' && (isWithin || !maySelect(parent, selection.name.value));
        found.set(name, [...(found.get(name) ?? []), { node: selection, isWithheld }]);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)!;
      const condition = fragment.typeCondition ? schema.getType(fragment.typeCondition.name.value) : parent;
      if (!isCompositeType(condition)) throw new Error('a fragment on no composite type');
      const applies = condition === object || (isAbstractType(condition) && schema.isSubType(condition, object));
      // What stands in a fragment without a type is selected of the type around it.
      if (applies || condition === parent) collect(fragment.selectionSet, condition, object, isWithin, found);
    }
  }

  function complete(type: GraphQLOutputType, value: unknown, selected: readonly Selected[], path: string): unknown {
    const inner = completeNullable(getNullableType(type), value, selected, path);
    return inner === null && isNonNullType(type) ? NULLED : inner;
  }

  function completeNullable(
    type: ReturnType<typeof getNullableType>,
    value: unknown,
    selected: readonly Selected[],
    path: string,
  ): unknown {
    if (value === null) return null;
    if (isListType(type)) {
      const items = (value as unknown[]).map((item, index) =>
        complete(type.ofType as GraphQLOutputType, item, selected, `${path}.${index}`),
      );
      return items.includes(NULLED) ? null : items;
    }
    if (!isCompositeType(type)) return value;
    const { __typename, id } = value as { __typename: string; id: string };
    const object = schema.getType(__typename) as GraphQLObjectType;
    return answerObject(object, id, selected, type, path);
  }

  function answerObject(
    object: GraphQLObjectType,
    id: string,
    selected: readonly Selected[],
    declared: GraphQLCompositeType,
    path: string,
  ): unknown {
    const found = new Map<string, Selected[]>();
    for (const { node, isWithheld } of selected)
      if (node.selectionSet) collect(node.selectionSet, declared, object, isWithheld, found);
    const answer: Record<string, unknown> = {};
    let isNull = false;
    for (const [name, nodes] of found) {
      const place = path === '' ? name : `${path}.${name}`;
      const field = nodes[0]!.node.name.value;
      if (field === '__typename') {
        answer[name] = object.name;
        continue;
      }
      const { type } = object.getFields()[field]!;
      if (nodes.every(({ isWithheld }) => isWithheld)) {
        withheld.add(place);
        answer[name] = null;
        isNull ||= isNonNullType(type);
        continue;
      }
      const value = field === 'id' ? id : graph.value(object.name, id, field);
      const completed = complete(type, value, nodes, place);
      isNull ||= completed === NULLED;
      answer[name] = completed;
    }
    return isNull ? null : answer;
  }

  const root = schema.getQueryType()!;
  const whole: FieldNode = {
    kind: Kind.FIELD,
    name: { kind: Kind.NAME, value: 'root' },
    selectionSet: operation.selectionSet,
  };
  const data = answerObject(root, 'root', [{ node: whole, isWithheld: false }], root, '');
  return { data, withheld };
}
