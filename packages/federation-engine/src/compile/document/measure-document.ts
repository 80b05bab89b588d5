import {
  Kind,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** Sizes of a document with every fragment spread: a few fragments that spread each other many times make a small text huge. */
interface DocumentSize {
  /** Fields and fragments. */
  readonly selections: number;
  readonly aliases: number;
  /** Levels of selection sets. */
  readonly depth: number;
  /** Of the operation that has most, by response name. */
  readonly rootFields: number;
  /** Whether fragments spread themselves; what they would be without the way back is measured. */
  readonly isCyclic: boolean;
  /** Of operations, and of fragments that nothing spreads. */
  readonly roots: readonly SelectionSetNode[];
}

/** Of one definition, or of a fragment with all that it spreads. */
interface Size {
  selections: number;
  aliases: number;
  depth: number;
}

interface Spread {
  readonly name: string;
  /** Levels around it. */
  readonly depth: number;
}

interface Measured {
  readonly root: SelectionSetNode;
  readonly own: Size;
  readonly spreads: readonly Spread[];
  /** With all that it spreads; null until that is known. */
  whole: Size | null;
  /** Whether another one, or itself, has it among its own. */
  isSpread: boolean;
}

/**
 * Measures a document, looking at each selection once. Nothing in it has been validated: a fragment that nothing spreads
 * counts as an operation does, since it is validated like one.
 */
export function measureDocument(document: DocumentNode): DocumentSize {
  const fragments = fragmentsOf(document);
  const definitions: Measured[] = [];
  const byName = new Map<string, Measured>();
  let rootFields = 0;
  for (const definition of document.definitions) {
    if (!('selectionSet' in definition)) continue;
    const measured = measureOne(definition.selectionSet);
    definitions.push(measured);
    if (definition.kind === Kind.FRAGMENT_DEFINITION) byName.set(definition.name.value, measured);
    else rootFields = Math.max(rootFields, countRootFields(definition, fragments));
  }
  const isCyclic = addSpreads(definitions, byName);
  const total: Size = { selections: 0, aliases: 0, depth: 0 };
  const roots: SelectionSetNode[] = [];
  for (const { root, whole, own, isSpread } of definitions) {
    const { selections, aliases, depth } = whole ?? own;
    total.depth = Math.max(total.depth, depth);
    if (isSpread) continue;
    roots.push(root);
    total.selections += selections;
    total.aliases += aliases;
  }
  return { ...total, rootFields, isCyclic, roots };
}

export function fragmentsOf({ definitions }: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  return fragments;
}

function measureOne(root: SelectionSetNode): Measured {
  const own: Size = { selections: 0, aliases: 0, depth: 0 };
  const spreads: Spread[] = [];
  const left: Array<{ readonly set: SelectionSetNode; readonly depth: number }> = [{ set: root, depth: 1 }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { set, depth } = next;
    own.depth = Math.max(own.depth, depth);
    for (const selection of set.selections) {
      own.selections += 1;
      if (selection.kind === Kind.FRAGMENT_SPREAD) spreads.push({ name: selection.name.value, depth });
      else {
        if (selection.kind === Kind.FIELD && selection.alias) own.aliases += 1;
        if (selection.selectionSet) left.push({ set: selection.selectionSet, depth: depth + 1 });
      }
    }
  }
  return { root, own, spreads, whole: null, isSpread: false };
}

/** Adds up what each spreads, the innermost first. Returns whether a way leads back. */
function addSpreads(definitions: readonly Measured[], byName: ReadonlyMap<string, Measured>): boolean {
  let isCyclic = false;
  const open = new Set<Measured>();
  for (const start of definitions) {
    const stack = [start];
    for (let at = stack.at(-1); at; at = stack.at(-1)) {
      if (at.whole) {
        stack.pop();
        continue;
      }
      if (!open.has(at)) {
        open.add(at);
        for (const { name } of at.spreads) {
          const inner = byName.get(name);
          if (inner) inner.isSpread = true;
          if (!inner || inner.whole) continue;
          if (open.has(inner)) isCyclic = true;
          else stack.push(inner);
        }
        continue;
      }
      stack.pop();
      open.delete(at);
      const whole = { ...at.own };
      for (const { name, depth } of at.spreads) {
        const inner = byName.get(name)?.whole;
        if (!inner) continue;
        whole.selections += inner.selections;
        whole.aliases += inner.aliases;
        whole.depth = Math.max(whole.depth, depth + inner.depth);
      }
      at.whole = whole;
    }
  }
  return isCyclic;
}

export function countRootFields(
  { selectionSet }: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): number {
  const names = new Set<string>();
  const visited = new Set<string>();
  const left = [selectionSet];
  for (let set = left.pop(); set; set = left.pop())
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        names.add((selection.alias ?? selection.name).value);
        continue;
      }
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        left.push(selection.selectionSet);
        continue;
      }
      const { value: name } = selection.name;
      const fragment = fragments.get(name);
      if (!fragment || visited.has(name)) continue;
      visited.add(name);
      left.push(fragment.selectionSet);
    }
  return names.size;
}
