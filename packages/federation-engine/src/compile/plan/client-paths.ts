import type { FragmentDefinitionNode, SelectionSetNode } from 'graphql';
import { everyField, responseNameOf } from './every-field.js';
import { clientName } from './client-names.js';

type Path = ReadonlyArray<string | number>;

/** Turns a path in the data that are fetched for an operation into one in the answer to its client. */
export type ClientPath = (path: Path) => Array<string | number>;

/** What an operation selects at a place, whatever the types and conditions. */
interface Place {
  readonly name: string;
  readonly selectionSets: readonly SelectionSetNode[];
  /** By response name; null for what is not selected. Looked up once. */
  readonly inner: Map<string, Place | null>;
}

/**
 * Prepares the way back to a client's own names.
 *
 * Keys and what fields require are asked for on the planner's account and are no part of the answer: a path that leads to
 * them ends at the object that they are of (GraphQL specification, 7.1.2: "the path of the response field").
 */
export function prepareClientPaths(
  selectionSet: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): ClientPath {
  const root: Place = { name: '', selectionSets: [selectionSet], inner: new Map() };

  function find({ selectionSets, inner }: Place, name: string): Place | null {
    let found = inner.get(name);
    if (found === undefined) {
      const fields = everyField(selectionSets, fragments).filter((field) => responseNameOf(field) === name);
      const inside = fields.flatMap((field) => field.selectionSet ?? []);
      found = fields.length === 0 ? null : { name: clientName(name), selectionSets: inside, inner: new Map() };
      inner.set(name, found);
    }
    return found;
  }

  return (path) => {
    const answered: Array<string | number> = [];
    let place = root;
    for (const element of path) {
      if (typeof element === 'number') {
        answered.push(element);
        continue;
      }
      const next = find(place, element);
      if (!next) break;
      answered.push(next.name);
      place = next;
    }
    return answered;
  };
}
