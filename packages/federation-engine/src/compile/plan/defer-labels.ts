import {
  Kind,
  visit,
  type ConstArgumentNode,
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type InlineFragmentNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

/** What one `@defer` puts off. */
export interface DeferredSelection {
  /** The client's. */
  readonly label: string | null;
  /** In the fragments that stand around it up to the next field, whose conditions are its own too. */
  readonly selectionSet: SelectionSetNode;
}

export interface LabelledDocument {
  readonly document: DocumentNode;
  /** By the labels that the document has now. */
  readonly deferred: ReadonlyMap<string, DeferredSelection>;
}

/** A fragment, and those that stand around it up to the next field. */
interface Around {
  readonly fragment: InlineFragmentNode;
  readonly outer: Around | null;
}

/** Selections that are written once more for their parts: many parts deep in fragments are not worth what they cost. */
const MAX_REPEATED = 10_000;
const NOTHING: ReadonlyMap<string, DeferredSelection> = new Map();

/**
 * Gives every `@defer` of a document a label of its own, by which its part of the plan is known.
 *
 * What a part selects the planner tells as text, in which objects are missing that hold nothing but deferred parts of their
 * own; parts of one label at several places it takes for one. So the text is not used, and fragments that put something off
 * are written out where they are spread.
 *
 * The work grows with the length of the document; where it would not, nothing is put off, which is a wish anyway.
 */
export function labelDeferred(document: DocumentNode): LabelledDocument {
  if (!mentionsDefer(document)) return { document, deferred: NOTHING };
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const deferred = new Map<string, DeferredSelection>();
  const putsOff = findPuttingOff(fragments);
  let repeated = 0;

  function label({ selections }: SelectionSetNode, around: Around | null): SelectionSetNode {
    return { kind: Kind.SELECTION_SET, selections: selections.map((selection) => labelOne(selection, around)) };
  }

  function labelOne(selection: SelectionNode, around: Around | null): SelectionNode {
    if (selection.kind === Kind.FIELD)
      return selection.selectionSet ? { ...selection, selectionSet: label(selection.selectionSet, null) } : selection;
    if (!putsOff(selection)) return selection;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : writeOut(selection.name.value);
    if (!fragment) return selection;
    const directives = selection.directives ?? [];
    const defer = directives.find(isDefer);
    const others = directives.filter((directive) => directive !== defer);
    const inside: Around = { fragment: { ...fragment, directives: others }, outer: around };
    const selectionSet = label(fragment.selectionSet, inside);
    const bare = { ...fragment, directives: others, selectionSet };
    if (!defer) return bare;
    const name = `part${deferred.size}`;
    deferred.set(name, { label: readLabel(defer), selectionSet: wrap(bare, around) });
    return { ...bare, directives: [...others, withLabel(defer, name)] };
  }

  function wrap(inner: InlineFragmentNode, around: Around | null): SelectionSetNode {
    let selectionSet = setOf(inner);
    for (let at = around; at && repeated < MAX_REPEATED; at = at.outer) {
      selectionSet = setOf({ ...at.fragment, selectionSet });
      repeated += 1;
    }
    return selectionSet;
  }

  function writeOut(name: string): InlineFragmentNode | null {
    const definition = fragments.get(name);
    if (!definition) return null;
    const { typeCondition, selectionSet } = definition;
    return { kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet };
  }

  const labelled = document.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? { ...definition, selectionSet: label(definition.selectionSet, null) }
      : definition,
  );
  if (repeated >= MAX_REPEATED) return { document: withoutDefer(document), deferred: NOTHING };
  return { document: { ...document, definitions: labelled }, deferred };
}

/** The same with nothing put off. */
export function withoutDefer(document: DocumentNode): DocumentNode {
  return visit(document, { Directive: (directive) => (isDefer(directive) ? null : undefined) });
}

function setOf(selection: SelectionNode): SelectionSetNode {
  return { kind: Kind.SELECTION_SET, selections: [selection] };
}

function mentionsDefer(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Directive(directive) {
      found ||= isDefer(directive);
    },
  });
  return found;
}

/** Tells whether something in a selection, or in the fragments that it spreads, is put off; each is looked at once. */
function findPuttingOff(fragments: ReadonlyMap<string, FragmentDefinitionNode>): (selection: SelectionNode) => boolean {
  const known = new Map<SelectionSetNode, boolean>();

  function within(selectionSet: SelectionSetNode): boolean {
    let found = known.get(selectionSet);
    if (found === undefined) {
      found = selectionSet.selections.some(putsOff);
      known.set(selectionSet, found);
    }
    return found;
  }

  function putsOff(selection: SelectionNode): boolean {
    if (selection.directives?.some(isDefer)) return true;
    const { selectionSet } =
      selection.kind === Kind.FRAGMENT_SPREAD ? (fragments.get(selection.name.value) ?? {}) : selection;
    return selectionSet !== undefined && within(selectionSet);
  }

  return putsOff;
}

function isDefer({ name }: DirectiveNode): boolean {
  return name.value === 'defer';
}

function readLabel({ arguments: args }: DirectiveNode): string | null {
  const value = args?.find(({ name }) => name.value === 'label')?.value;
  return value?.kind === Kind.STRING ? value.value : null;
}

function withLabel(defer: DirectiveNode, label: string): DirectiveNode {
  const argument: ConstArgumentNode = {
    kind: Kind.ARGUMENT,
    name: { kind: Kind.NAME, value: 'label' },
    value: { kind: Kind.STRING, value: label },
  };
  return { ...defer, arguments: [...(defer.arguments ?? []).filter(({ name }) => name.value !== 'label'), argument] };
}
