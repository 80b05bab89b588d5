import type { Schema } from '@apollo/federation-internals';
import type { SecurityCondition } from './security-features.js';

/**
 * Whether what an interface asks may have been written on the interface, or on its `@interfaceObject`.
 *
 * Federation 2.12 refuses that, and gives an interface what its object types ask, all of it together. Before, an interface
 * had what was written on it, and a field that comes of an `@interfaceObject` reached the object types without it. A supergraph does
 * not say what has composed it; one in which an interface asks anything else than its object types do was composed before.
 *
 * @param guardsOf what a type asks
 */
export function hasGuardsOfItsOwn(schema: Schema, guardsOf: (type: string) => readonly SecurityCondition[]): boolean {
  return schema.interfaceTypes().some((type) => {
    const objects = type.possibleRuntimeTypes().flatMap(({ name }) => guardsOf(name));
    return KINDS.some((kind) => !isSame(ways(guardsOf(type.name), kind), ways(objects, kind)));
  });
}

const KINDS: ReadonlyArray<SecurityCondition['kind']> = ['authenticated', 'scopes', 'policies'];

/** Ways to meet conditions: any of them, and all the names of it. */
type Ways = ReadonlyArray<ReadonlySet<string>>;

/** The ways to meet all conditions of a kind, without those that ask for more than another. */
function ways(conditions: readonly SecurityCondition[], kind: SecurityCondition['kind']): Ways {
  let found: Ways = [new Set()];
  for (const condition of conditions) {
    if (condition.kind !== kind) continue;
    const anyOf = condition.kind === 'authenticated' ? [['']] : condition.anyOf;
    found = shortest(found.flatMap((way) => anyOf.map((names) => new Set([...way, ...names]))));
  }
  return found;
}

function shortest(all: Ways): Ways {
  return all.filter((way, index) =>
    all.every((other, at) => at === index || !contains(way, other) || (contains(other, way) && index < at)),
  );
}

function isSame(one: Ways, other: Ways): boolean {
  const covers = (a: Ways, b: Ways) => b.every((way) => a.some((each) => contains(way, each)));
  return covers(one, other) && covers(other, one);
}

function contains(way: ReadonlySet<string>, part: ReadonlySet<string>): boolean {
  return [...part].every((name) => way.has(name));
}
