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

const NO_FRAGMENTS: ReadonlyMap<string, FragmentDefinitionNode> = new Map();
const NOTHING: ReadonlyMap<string, DeferredSelection> = new Map();

/**
 * Gives every `@defer` of a document a label of its own, by which its part of the plan is known.
 *
 * What a part selects the planner tells as text, in which objects are missing that hold nothing but deferred parts of their
 * own; parts of one label at several places it takes for one. So the text is not used, and fragments that put something off
 * are written out where they are spread.
 */
export function labelDeferred(document: DocumentNode): LabelledDocument {
  if (!puttingOff(document, NO_FRAGMENTS)) return { document, deferred: NOTHING };
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const deferred = new Map<string, DeferredSelection>();

  function label({ selections }: SelectionSetNode, around: readonly InlineFragmentNode[]): SelectionSetNode {
    return { kind: Kind.SELECTION_SET, selections: selections.map((selection) => labelOne(selection, around)) };
  }

  function labelOne(selection: SelectionNode, around: readonly InlineFragmentNode[]): SelectionNode {
    if (selection.kind === Kind.FIELD)
      return selection.selectionSet ? { ...selection, selectionSet: label(selection.selectionSet, []) } : selection;
    if (!puttingOff(selection, fragments)) return selection;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : writeOut(selection.name.value);
    if (!fragment) return selection;
    const directives = selection.directives ?? [];
    const defer = directives.find(isDefer);
    const others = directives.filter((directive) => directive !== defer);
    const selectionSet = label(fragment.selectionSet, [...around, { ...fragment, directives: others }]);
    const bare = { ...fragment, directives: others, selectionSet };
    if (!defer) return bare;
    const name = `part${deferred.size}`;
    deferred.set(name, { label: readLabel(defer), selectionSet: wrap(bare, around) });
    return { ...bare, directives: [...others, withLabel(defer, name)] };
  }

  function writeOut(name: string): InlineFragmentNode | null {
    const definition = fragments.get(name);
    if (!definition) return null;
    const { typeCondition, selectionSet } = definition;
    return { kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet };
  }

  const labelled = document.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? { ...definition, selectionSet: label(definition.selectionSet, []) }
      : definition,
  );
  return { document: { ...document, definitions: labelled }, deferred };
}

/** The same with nothing put off. */
export function withoutDefer(document: DocumentNode): DocumentNode {
  return visit(document, { Directive: (directive) => (isDefer(directive) ? null : undefined) });
}

function wrap(inner: InlineFragmentNode, around: readonly InlineFragmentNode[]): SelectionSetNode {
  return around.reduceRight<SelectionSetNode>(
    (selectionSet, fragment) => setOf({ ...fragment, selectionSet }),
    setOf(inner),
  );
}

function setOf(selection: SelectionNode): SelectionSetNode {
  return { kind: Kind.SELECTION_SET, selections: [selection] };
}

/** Whether something in it, or in the fragments that it spreads, is put off. */
function puttingOff(
  node: DocumentNode | SelectionNode | SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  seen = new Set<string>(),
): boolean {
  let found = false;
  visit(node, {
    Directive(directive) {
      found ||= isDefer(directive);
    },
    FragmentSpread({ name }) {
      const fragment = seen.has(name.value) ? undefined : fragments.get(name.value);
      seen.add(name.value);
      if (fragment) found ||= puttingOff(fragment.selectionSet, fragments, seen);
    },
  });
  return found;
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
