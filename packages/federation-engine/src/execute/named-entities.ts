import type { EntityNames } from '../compile/entity-names.js';
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
export function findNamedEntities({ places, namesOf, declaredBy }: EntityNames, root: Data): NamedEntities {
  const entities: Array<{ typename: string; id: string }> = [];
  const types = new Set<string>();
  /** Objects whose fields are looked at for what they would have named. */
  const unidentified = new Set<string>();
  /** Of types that the data tell. */
  const told = new Map<string, readonly string[]>();

  function toldNames(typename: string): readonly string[] {
    let names = told.get(typename);
    if (!names) told.set(typename, (names = namesOf(typename)));
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

  for (const { path, types: possible, mentions } of places)
    walkPlaces(root, path, (object) => {
      if (possible !== null) note(object, possible);
      for (const { member, typename } of mentions) {
        const id = object[member];
        if (isIdentity(id)) entities.push({ typename, id: String(id) });
      }
    });
  const named = new Set(entities.map(({ typename }) => typename));
  for (const name of unidentified) for (const each of declaredBy(name)) if (!named.has(each)) types.add(each);
  return { entities, types: [...types] };
}

function isIdentity(id: unknown): id is string | number {
  return typeof id === 'string' || typeof id === 'number';
}
