import { Kind, type FieldNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';
import { clientName } from './response-names.js';

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
      const fields: FieldNode[] = [];
      const visited = new Set<string>();
      const collect = ({ selections }: SelectionSetNode): void => {
        for (const selection of selections) {
          if (selection.kind === Kind.FIELD) {
            if ((selection.alias ?? selection.name).value === name) fields.push(selection);
          } else if (selection.kind === Kind.INLINE_FRAGMENT) {
            collect(selection.selectionSet);
          } else if (!visited.has(selection.name.value)) {
            visited.add(selection.name.value);
            const fragment = fragments.get(selection.name.value);
            if (fragment) collect(fragment.selectionSet);
          }
        }
      };
      selectionSets.forEach(collect);
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
