import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  OperationTypeNode,
  typeFromAST,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Supergraph } from '../supergraph/supergraph.js';
import { responseNameOf } from './plan/every-field.js';
import type { PathStep } from './plan/steps.js';

/** Where an answer may name entities. */
export interface NamedPlace {
  readonly path: readonly PathStep[];
  /** Types that its objects may be of, where the data do not say more. Null where they are known from elsewhere, or are the root. */
  readonly types: readonly string[] | null;
  /** Members that hold the id of something else: `taskId` that of a `Task`. */
  readonly mentions: ReadonlyArray<{ readonly member: string; readonly typename: string }>;
}

/** What is known beforehand of the entities that an answer names. */
export interface EntityNames {
  readonly places: readonly NamedPlace[];
  /** Under which names an object is known that says to be of this type. */
  readonly namesOf: (typename: string) => readonly string[];
  /** Types of what the fields of an object of this type hold or mention. */
  readonly declaredBy: (typename: string) => readonly string[];
}

/** What an operation selects, and of which graph. */
export interface Selected {
  readonly supergraph: Pick<Supergraph, 'schema' | 'typesWithin'>;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly rootType: GraphQLObjectType;
  readonly node: Pick<OperationDefinitionNode, 'operation' | 'selectionSet'>;
}

/**
 * Finds the places of an operation's answer that may name entities. Of a query nobody asks for them.
 *
 * `@skip` and `@include` are not asked: what they leave out has not come, or has been asked for by the planner on its own account,
 * and then it is named as well.
 */
export function prepareEntityNames(selected: Selected): EntityNames {
  const { schema } = selected.supergraph;
  return {
    places: selected.node.operation === OperationTypeNode.QUERY ? [] : findNamedPlaces(selected),
    namesOf: (typename) => withInterfaces(schema, [typename]),
    declaredBy: (typename) => declaredTypes(schema, schema.getType(typename)),
  };
}

/** A place while selections are read; several may lead to one. */
interface OpenPlace {
  readonly path: readonly PathStep[];
  readonly types: readonly string[] | null;
  /** Type names by response name. */
  readonly mentions: Map<string, string>;
  /** By response name, or by type condition behind `...`. */
  readonly inner: Map<string, OpenPlace>;
}

function findNamedPlaces({ supergraph, fragments, rootType, node }: Selected): readonly NamedPlace[] {
  const { schema, typesWithin } = supergraph;
  const all: OpenPlace[] = [];

  function open(path: readonly PathStep[], types: readonly string[] | null): OpenPlace {
    const place: OpenPlace = { path, types, mentions: new Map(), inner: new Map() };
    all.push(place);
    return place;
  }

  function innerOf(place: OpenPlace, key: string, step: PathStep, types: readonly string[] | null): OpenPlace {
    let inner = place.inner.get(key);
    if (!inner) place.inner.set(key, (inner = open([...place.path, step], types)));
    return inner;
  }

  function walk({ selections }: SelectionSetNode, type: GraphQLCompositeType, place: OpenPlace): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        walkField(selection, type, place);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      const condition = fragment?.typeCondition ? typeFromAST(schema, fragment.typeCondition) : type;
      if (!fragment || !isCompositeType(condition)) continue;
      if (isWithin(schema, type, condition)) {
        walk(fragment.selectionSet, type, place);
        continue;
      }
      const { name } = condition;
      const step: PathStep = { kind: 'type', condition: name, types: typesWithin(name) };
      walk(fragment.selectionSet, condition, innerOf(place, `... ${name}`, step, null));
    }
  }

  function walkField(field: FieldNode, parent: GraphQLCompositeType, place: OpenPlace): void {
    const definition = 'getFields' in parent ? parent.getFields()[field.name.value] : undefined;
    if (!definition) return;
    const name = responseNameOf(field);
    const mentioned = mentionedType(schema, definition.name);
    if (mentioned !== undefined) place.mentions.set(name, mentioned);
    const type = getNamedType(definition.type);
    if (!field.selectionSet || !isCompositeType(type)) return;
    const step: PathStep = { kind: 'field', name, types: null };
    walk(field.selectionSet, type, innerOf(place, name, step, possibleNames(schema, type)));
  }

  walk(node.selectionSet, rootType, open([], null));
  return all
    .filter(({ types, mentions }) => types !== null || mentions.size > 0)
    .map(({ path, types, mentions }) => ({
      path,
      types,
      mentions: [...mentions].map(([member, typename]) => ({ member, typename })),
    }));
}

/** Whether whatever is of a type fulfils a condition. */
function isWithin(schema: GraphQLSchema, type: GraphQLCompositeType, condition: GraphQLCompositeType): boolean {
  if (type === condition) return true;
  return isAbstractType(condition) && 'getInterfaces' in type && schema.isSubType(condition, type);
}

/** Of the objects that may stand where a type is declared. */
function possibleNames(schema: GraphQLSchema, type: GraphQLCompositeType): readonly string[] {
  return withInterfaces(
    schema,
    isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [type.name],
  );
}

/** Where an interface is an entity, subgraphs know its objects under its name (`@interfaceObject`). */
function withInterfaces(schema: GraphQLSchema, names: readonly string[]): readonly string[] {
  const all = new Set(names);
  for (const name of names) {
    const type = schema.getType(name);
    if (isObjectType(type)) for (const each of type.getInterfaces()) all.add(each.name);
  }
  return [...all];
}

/** `Task` for a field `taskId`. */
function mentionedType(schema: GraphQLSchema, field: string): string | undefined {
  const prefix = /^(.+)Id$/.exec(field)?.[1];
  const name = prefix && prefix.charAt(0).toUpperCase() + prefix.slice(1);
  return name !== undefined && isObjectType(schema.getType(name)) ? name : undefined;
}

const NOTHING: readonly string[] = [];
const declared = new WeakMap<GraphQLObjectType, readonly string[]>();

/** Types of what the fields of a payload hold or mention. */
function declaredTypes(schema: GraphQLSchema, payload: GraphQLNamedType | undefined): readonly string[] {
  if (!isObjectType(payload)) return NOTHING;
  let known = declared.get(payload);
  if (!known) {
    known = Object.values(payload.getFields()).flatMap(({ name, type }) => {
      const named = getNamedType(type);
      if (isAbstractType(named)) return schema.getPossibleTypes(named).map((each) => each.name);
      const mentioned = mentionedType(schema, name);
      return isObjectType(named) ? [named.name] : mentioned === undefined ? [] : [mentioned];
    });
    declared.set(payload, known);
  }
  return known;
}
