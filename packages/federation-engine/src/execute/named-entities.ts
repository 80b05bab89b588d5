import { getNamedType, isAbstractType, isObjectType, type GraphQLObjectType, type GraphQLSchema } from 'graphql';
import { mentionedType, namedPlaces, withInterfaces, type Selected } from '../compile/named-places.js';
import type { Data } from '../request/data.js';
import type { NamedEntities } from '../subgraphs/subgraph-client.js';
import { walkPlaces } from './walk-places.js';

/**
 * Finds the objects that an answer names: with an `id` they are known one by one, without one only their types are. Types
 * that the data do not tell are those that the schema declares.
 *
 * An object without an `id` is the payload of a mutation. What it would have named, had the client asked, is taken for
 * changed: objects in its fields, and of a field `taskId` the type `Task`. That may forget too much, never too little.
 */
export function findNamedEntities(operation: Selected, root: Data): NamedEntities {
  const { schema } = operation.supergraph;
  const entities: Array<{ typename: string; id: string }> = [];
  const types = new Set<string>();
  /** Objects whose fields are looked at for what they would have named. */
  const unidentified = new Set<string>();
  /** Of types that the data tell. */
  const told = new Map<string, readonly string[]>();

  function toldNames(typename: string): readonly string[] {
    let names = told.get(typename);
    if (!names) told.set(typename, (names = withInterfaces(schema, [typename])));
    return names;
  }

  function note({ id, __typename: typename }: Data, possible: readonly string[]): void {
    for (const name of typeof typename === 'string' ? toldNames(typename) : possible)
      if (isIdentity(id)) entities.push({ typename: name, id: String(id) });
      else {
        types.add(name);
        unidentified.add(name);
      }
  }

  for (const { path, types: possible, mentions } of namedPlaces(operation))
    walkPlaces(root, path, (object) => {
      if (possible !== null) note(object, possible);
      for (const { member, typename } of mentions) {
        const id = object[member];
        if (isIdentity(id)) entities.push({ typename, id: String(id) });
      }
    });
  const named = new Set(entities.map(({ typename }) => typename));
  for (const name of unidentified) {
    const type = schema.getType(name);
    if (isObjectType(type)) for (const each of declaredTypes(schema, type)) if (!named.has(each)) types.add(each);
  }
  return { entities, types: [...types] };
}

function isIdentity(id: unknown): id is string | number {
  return typeof id === 'string' || typeof id === 'number';
}

const declared = new WeakMap<GraphQLObjectType, readonly string[]>();

/** Types of what the fields of a payload hold or mention. */
function declaredTypes(schema: GraphQLSchema, payload: GraphQLObjectType): readonly string[] {
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
