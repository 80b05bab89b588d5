import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import { collectFields } from '../compile/write/collect-fields.js';
import type { NamedEntities } from '../subgraphs/subgraph-client.js';
import type { Data } from '../request/data.js';
import type { Operation } from '../compile/operation.js';

/**
 * Finds the objects that an answer names: with an `id` they are known one by one, without one only their types are. Types
 * that the data do not tell are those that the schema declares.
 *
 * An object without an `id` is the payload of a mutation. What it would have named, had the client asked, is taken for
 * changed: objects in its fields, and of a field `taskId` the type `Task`. That may forget too much, never too little.
 */
export function findNamedEntities(
  operation: Operation,
  root: Data,
  conditions: ReadonlyMap<string, boolean>,
): NamedEntities {
  const { schema } = operation.supergraph;
  const { fragments, rootType, node } = operation;
  const entities: Array<{ typename: string; id: string }> = [];
  const types = new Set<string>();
  /** Objects whose fields are looked at for what they would have named. */
  const unidentified = new Set<string>();

  function note(object: Data, type: GraphQLCompositeType): void {
    const typename = object['__typename'];
    const names =
      typeof typename === 'string'
        ? [typename]
        : isAbstractType(type)
          ? schema.getPossibleTypes(type).map(({ name }) => name)
          : [type.name];
    const { id } = object;
    for (const name of withInterfaces(schema, names))
      if (isIdentity(id)) entities.push({ typename: name, id: String(id) });
      else {
        types.add(name);
        unidentified.add(name);
      }
  }

  function walk(value: unknown, declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): void {
    // Lists of lists may be nested to any depth, whatever the type says; objects are as deep as the operation.
    const waiting: unknown[] = [value];
    while (waiting.length > 0) {
      const next = waiting.pop();
      if (Array.isArray(next)) for (let index = next.length - 1; index >= 0; index -= 1) waiting.push(next[index]);
      else if (typeof next === 'object' && next !== null) walkObject(next as Data, declared, selectionSets);
    }
  }

  function walkObject(object: Data, declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): void {
    const named = typeof object['__typename'] === 'string' ? schema.getType(object['__typename']) : undefined;
    const type = isCompositeType(named) ? named : declared;
    if (object !== root) note(object, type);
    for (const [name, fields] of collectFields({ schema, fragments, conditions }, type, selectionSets)) {
      const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
      const fieldType = definition && getNamedType(definition.type);
      const mentioned = definition && mentionedType(schema, definition.name);
      if (mentioned && isIdentity(object[name])) entities.push({ typename: mentioned, id: String(object[name]) });
      if (fieldType && isCompositeType(fieldType))
        walk(
          object[name],
          fieldType,
          fields.flatMap(({ selectionSet }) => selectionSet ?? []),
        );
    }
  }

  walk(root, rootType, [node.selectionSet]);
  const named = new Set(entities.map(({ typename }) => typename));
  for (const name of unidentified) {
    const type = schema.getType(name);
    if (isObjectType(type)) for (const each of declaredTypes(schema, type)) if (!named.has(each)) types.add(each);
  }
  return { entities, types: [...types] };
}

/** Where an interface is an entity, subgraphs know its objects under its name (`@interfaceObject`). */
function withInterfaces(schema: GraphQLSchema, names: readonly string[]): Iterable<string> {
  const all = new Set(names);
  for (const name of names) {
    const type = schema.getType(name);
    if (isObjectType(type)) for (const each of type.getInterfaces()) all.add(each.name);
  }
  return all;
}

function isIdentity(id: unknown): id is string | number {
  return typeof id === 'string' || typeof id === 'number';
}

/** `Task` for a field `taskId`. */
function mentionedType(schema: GraphQLSchema, field: string): string | undefined {
  const prefix = /^(.+)Id$/.exec(field)?.[1];
  const name = prefix && prefix.charAt(0).toUpperCase() + prefix.slice(1);
  return name !== undefined && isObjectType(schema.getType(name)) ? name : undefined;
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
