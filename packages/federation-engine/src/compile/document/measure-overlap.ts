import { Kind, type FieldNode, type FragmentDefinitionNode, type SelectionSetNode } from 'graphql';

/** Characters of arguments that take about as long to compare as two fields. */
const ARGUMENT_CHARACTERS = 32;

interface Part {
  readonly set: SelectionSetNode;
  /** Inline fragments around it in its group. */
  readonly inner: number;
}

/** The selection sets that make one object of the answer. */
type Group = readonly SelectionSetNode[];

interface SameName {
  readonly sets: SelectionSetNode[];
  count: number;
  weight: number;
}

/**
 * Tells about how much is compared to find out whether fields of one response name can be merged (GraphQL specification,
 * "Field Selection Merging"): each field with each other of its name at its place, once for each inline fragment that
 * stands around both, with its arguments and with the names of what it selects; each fragment with each other that is
 * spread beside it.
 *
 * The work is that of reading the document with its fragments spread, up to `enough`.
 *
 * @param roots of operations, and of fragments that nothing spreads
 * @param fragments none of which spreads itself
 */
export function measureOverlap(
  roots: readonly SelectionSetNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  enough: number,
): number {
  const surfaces = new Map<string, number>();
  let overlap = 0;

  function measure(root: SelectionSetNode): void {
    const groups: Group[] = [[root]];
    for (let group = groups.pop(); group && overlap <= enough; group = groups.pop())
      for (const { sets, count, weight } of fieldsOf(group)) {
        overlap += ((count - 1) * weight) / 2;
        if (sets.length > 0) groups.push(sets);
      }
  }

  function fieldsOf(group: Group): Iterable<SameName> {
    const names = new Map<string, SameName>();
    const spread = new Set<string>();
    let surface = 0;
    const left: Part[] = group.map((set) => ({ set, inner: 0 }));
    for (let part = left.pop(); part; part = left.pop())
      for (const selection of part.set.selections) {
        if (selection.kind === Kind.FIELD) {
          add(names, selection, part.inner);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          left.push({ set: selection.selectionSet, inner: part.inner + 1 });
        } else if (!spread.has(selection.name.value)) {
          const { value: name } = selection.name;
          const fragment = fragments.get(name);
          if (!fragment) continue;
          spread.add(name);
          surface += 1 + surfaceOf(name, fragment);
          left.push({ set: fragment.selectionSet, inner: 0 });
        }
      }
    overlap += (Math.max(0, spread.size - 1) * surface) / 2;
    return names.values();
  }

  function add(names: Map<string, SameName>, field: FieldNode, inner: number): void {
    const name = (field.alias ?? field.name).value;
    let same = names.get(name);
    if (!same) names.set(name, (same = { sets: [], count: 0, weight: 0 }));
    same.count += 1;
    same.weight += 1 + inner + sizeOfArguments(field);
    if (!field.selectionSet) return;
    same.sets.push(field.selectionSet);
    same.weight += surfaceOfSet(field.selectionSet);
  }

  function surfaceOf(name: string, { selectionSet }: FragmentDefinitionNode): number {
    let surface = surfaces.get(name);
    if (surface === undefined) surfaces.set(name, (surface = surfaceOfSet(selectionSet)));
    return surface;
  }

  roots.forEach(measure);
  return overlap;
}

/** Its own selections, those of inline fragments included. */
function surfaceOfSet(root: SelectionSetNode): number {
  let surface = 0;
  const left = [root];
  for (let set = left.pop(); set; set = left.pop())
    for (const selection of set.selections) {
      surface += 1;
      if (selection.kind === Kind.INLINE_FRAGMENT) left.push(selection.selectionSet);
    }
  return surface;
}

function sizeOfArguments({ arguments: args }: FieldNode): number {
  const [first] = args ?? [];
  const last = args?.at(-1);
  if (!first?.loc || !last?.loc) return 0;
  return (last.loc.end - first.loc.start) / ARGUMENT_CHARACTERS;
}
