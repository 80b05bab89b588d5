import { getNamedType, isAbstractType, type GraphQLCompositeType } from 'graphql';
import type { Supergraph } from '../../supergraph/supergraph.js';

/** Tells which conditions it takes to select a field of a type: indices into those of the supergraph. */
export type Guards = (parent: GraphQLCompositeType, fieldName: string) => readonly number[];

const NONE: readonly number[] = [];
const known = new WeakMap<Supergraph, Guards>();

/**
 * What it takes to select a field: what the type asks that it is selected of, the field itself, and the type that it
 * returns. Of an abstract type, also what each type asks that may stand there, and its field: a client that does not want to be
 * refused for one of them selects of the others only, by fragments on them. Names of types and introspection ask for nothing.
 */
export function guardsOf(supergraph: Supergraph): Guards {
  let guards = known.get(supergraph);
  if (!guards) known.set(supergraph, (guards = createGuards(supergraph)));
  return guards;
}

function createGuards({ schema, requirements: { byCoordinate } }: Supergraph): Guards {
  if (byCoordinate.size === 0) return () => NONE;
  const found = new Map<string, readonly number[]>();

  function find(parent: GraphQLCompositeType, fieldName: string): readonly number[] {
    const owners = isAbstractType(parent) ? [parent, ...schema.getPossibleTypes(parent)] : [parent];
    const definition = 'getFields' in parent ? parent.getFields()[fieldName] : undefined;
    const coordinates = owners.flatMap(({ name }) => [name, `${name}.${fieldName}`]);
    if (definition) coordinates.push(getNamedType(definition.type).name);
    const conditions = new Set(coordinates.flatMap((coordinate) => byCoordinate.get(coordinate) ?? NONE));
    return conditions.size === 0 ? NONE : [...conditions].sort((one, other) => one - other);
  }

  return (parent, fieldName) => {
    if (fieldName.startsWith('__')) return NONE;
    const coordinate = `${parent.name}.${fieldName}`;
    let conditions = found.get(coordinate);
    if (!conditions) found.set(coordinate, (conditions = find(parent, fieldName)));
    return conditions;
  };
}
