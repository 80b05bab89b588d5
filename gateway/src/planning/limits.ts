import { Kind, type DocumentNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';

/** How many selections an operation may have with its fragments spread, before anything is computed from it. */
export const MAX_SELECTIONS = 10_000;

/**
 * Counts the selections of a document with every fragment spread: a few fragments that spread each other many times make
 * a small text huge.
 */
export function countSelections(document: DocumentNode): number {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const counts = new Map<string, number>();

  function count({ selections }: SelectionSetNode): number {
    let sum = 0;
    for (const selection of selections) {
      sum += 1;
      if (selection.kind === Kind.FRAGMENT_SPREAD) sum += countFragment(selection.name.value);
      else if (selection.selectionSet) sum += count(selection.selectionSet);
    }
    return sum;
  }

  function countFragment(name: string): number {
    const known = counts.get(name);
    if (known !== undefined) return known;
    const fragment = fragments.get(name);
    if (!fragment) return 0;
    // Met again while it is being counted, it spreads itself; validation tells where.
    counts.set(name, 0);
    const sum = count(fragment.selectionSet);
    counts.set(name, sum);
    return sum;
  }

  let sum = 0;
  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION) sum += count(definition.selectionSet);
  return sum;
}
