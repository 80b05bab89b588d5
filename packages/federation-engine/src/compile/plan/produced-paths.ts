import { Kind, type DocumentNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';

/** The selections of a subgraph's operation, as places in the answer. */
interface ProducedPaths {
  /** Response names at the root of what the fetch brings. */
  readonly rootNames: readonly string[];
  /** Response names of the objects that it fills: of entities, or the root. */
  readonly members: ReadonlySet<string>;
  /** Places of the objects that it brings, each once: response names joined by dots, list indices left out. */
  readonly objects: ReadonlySet<string>;
}

/** Reads what an operation brings to `base`; for entities, what it selects of them. */
export function producedPaths(document: DocumentNode, base: string): ProducedPaths {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const objects = new Set<string>();
  const rootNames = new Set<string>();
  const members = new Set<string>();

  /** @param depth 0 at the root, 1 in entities and in what the root's fields hold */
  function walk({ selections }: SelectionSetNode, at: string, depth: number, isEntity = false): void {
    for (const selection of selections) {
      if (selection.kind !== Kind.FIELD) {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (fragment) walk(fragment.selectionSet, at, depth, isEntity);
        continue;
      }
      const name = (selection.alias ?? selection.name).value;
      const isRoot = depth === 0;
      if (isRoot) rootNames.add(name);
      if (isRoot || (isEntity && depth === 1)) members.add(name);
      if (!selection.selectionSet) continue;
      if (isRoot && name === '_entities') {
        walk(selection.selectionSet, at, 1, true);
        continue;
      }
      const place = joinPath(at, name);
      objects.add(place);
      walk(selection.selectionSet, place, depth + 1);
    }
  }

  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION) walk(definition.selectionSet, base, 0);
  return { rootNames: [...rootNames], members, objects };
}

export function joinPath(base: string, name: string): string {
  return base === '' ? name : `${base}.${name}`;
}
