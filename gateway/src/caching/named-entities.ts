import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  type GraphQLCompositeType,
  type SelectionSetNode,
} from 'graphql';
import { collectFields } from '../execution/collect-fields.js';
import type { NamedEntities } from '../execution/subgraph-client.js';
import type { Data } from '../execution/targets.js';
import type { Operation } from '../planning/operation.js';

/**
 * Finds the objects that an answer names: with an `id` they are known one by one, without one only their types are. Types
 * that the data do not tell are those that the schema declares.
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

  function note(object: Data, type: GraphQLCompositeType): void {
    const typename = object['__typename'];
    const names =
      typeof typename === 'string'
        ? [typename]
        : isAbstractType(type)
          ? schema.getPossibleTypes(type).map(({ name }) => name)
          : [type.name];
    const { id } = object;
    for (const name of names)
      if (typeof id === 'string' || typeof id === 'number') entities.push({ typename: name, id: String(id) });
      else types.add(name);
  }

  function walk(value: unknown, declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) walk(item, declared, selectionSets);
      return;
    }
    const object = value as Data;
    const named = typeof object['__typename'] === 'string' ? schema.getType(object['__typename']) : undefined;
    const type = isCompositeType(named) ? named : declared;
    if (object !== root) note(object, type);
    for (const [name, fields] of collectFields({ schema, fragments, conditions }, type, selectionSets)) {
      const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
      const fieldType = definition && getNamedType(definition.type);
      if (fieldType && isCompositeType(fieldType))
        walk(
          object[name],
          fieldType,
          fields.flatMap(({ selectionSet }) => selectionSet ?? []),
        );
    }
  }

  walk(root, rootType, [node.selectionSet]);
  return { entities, types: [...types] };
}
