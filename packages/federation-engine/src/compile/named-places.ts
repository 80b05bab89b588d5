import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  typeFromAST,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { Supergraph } from '../supergraph/supergraph.js';
import type { Operation } from './operation.js';
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

/** What an operation selects, and of which graph. */
export interface Selected extends Pick<Operation, 'fragments' | 'rootType' | 'node'> {
  readonly supergraph: Pick<Supergraph, 'schema' | 'typesWithin'>;
}

/** Of an operation, found out once. */
const known = new WeakMap<Selected, readonly NamedPlace[]>();

/**
 * Finds the places of an operation's answer that may name entities.
 *
 * `@skip` and `@include` are not asked: what they leave out has not come, or has been asked for by the planner on its own account,
 * and then it is named as well.
 */
export function namedPlaces(operation: Selected): readonly NamedPlace[] {
  let places = known.get(operation);
  if (!places) known.set(operation, (places = findNamedPlaces(operation)));
  return places;
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
export function withInterfaces(schema: GraphQLSchema, names: readonly string[]): readonly string[] {
  const all = new Set(names);
  for (const name of names) {
    const type = schema.getType(name);
    if (isObjectType(type)) for (const each of type.getInterfaces()) all.add(each.name);
  }
  return [...all];
}

/** `Task` for a field `taskId`. */
export function mentionedType(schema: GraphQLSchema, field: string): string | undefined {
  const prefix = /^(.+)Id$/.exec(field)?.[1];
  const name = prefix && prefix.charAt(0).toUpperCase() + prefix.slice(1);
  return name !== undefined && isObjectType(schema.getType(name)) ? name : undefined;
}
