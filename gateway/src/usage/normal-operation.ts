import { createHash } from 'node:crypto';
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  Kind,
  print,
  stripIgnoredCharacters,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type StringValueNode,
  type ValueNode,
} from 'graphql';
import type { ValidOperation } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';
import { isCondition } from '@taskgraph/federation-engine/internal/request/selection-conditions.js';

/** What is read of an operation. */
export type CountedOperation = Pick<ValidOperation, 'node' | 'fragments' | 'supergraph'>;

/** An operation as it is recorded: what it asks for, and nothing that it says. */
export interface NormalOperation {
  /** Of all that differ in literals, aliases and white space only. */
  readonly id: string;
  readonly name: string | null;
  /** Null where it is longer than what is recorded. */
  readonly text: string | null;
}

/** Of a text that is recorded; what people write is some hundred characters long. */
const MAX_TEXT_LENGTH = 16_384;
const HIDDEN: StringValueNode = { kind: Kind.STRING, value: '' };

/**
 * Takes out of an operation what its client has written into it: numbers are 0, texts are empty, flags are false. Names of fields of
 * input objects and values of enums stay, since they are the schema's; what stands in a scalar of the graph's own does not. Aliases go,
 * and of selections and items that are the same then, one stays: a client that asks for a hundred tasks by a hundred aliases
 * makes one operation.
 */
export function toNormalOperation({ node, fragments, supergraph }: CountedOperation): NormalOperation {
  const info = new TypeInfo(supergraph.schema);
  const texts = new WeakMap<SelectionSetNode, string>();
  const normalize = (definition: OperationDefinitionNode | FragmentDefinitionNode) =>
    visit(
      definition,
      visitWithTypeInfo(info, {
        IntValue: { leave: () => ({ kind: Kind.INT, value: '0' }) },
        FloatValue: { leave: () => ({ kind: Kind.FLOAT, value: '0' }) },
        StringValue: { leave: () => HIDDEN },
        BooleanValue: { leave: () => ({ kind: Kind.BOOLEAN, value: false }) },
        EnumValue: { enter: () => (isOfSchema(info, isEnumType) ? undefined : HIDDEN) },
        ObjectValue: { enter: () => (isOfSchema(info, isInputObjectType) ? undefined : HIDDEN) },
        ListValue: { leave: (list) => ({ ...list, values: unique<ValueNode>(list.values, print) }) },
        // What a condition says is a part of what is asked for, and one bit.
        Directive: { enter: (directive) => (isCondition(directive) ? false : withoutLabel(directive)) },
        SelectionSet: { leave: (set) => withoutAliases(set, texts) },
      }),
    );
  const definitions = [node, ...spreadBy(node, fragments)].map(normalize);
  const text = stripIgnoredCharacters(print({ kind: Kind.DOCUMENT, definitions }));
  return {
    id: idOfText(text),
    name: node.name?.value ?? null,
    text: text.length > MAX_TEXT_LENGTH ? null : text,
  };
}

/** Characters of an operation's id. */
export const ID_LENGTH = 22;

export function idOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, ID_LENGTH);
}

function isOfSchema(info: TypeInfo, isKind: (type: unknown) => boolean): boolean {
  const type = info.getInputType();
  return type !== undefined && type !== null && isKind(getNamedType(type));
}

function withoutLabel(directive: DirectiveNode): DirectiveNode | undefined {
  if (directive.name.value !== 'defer') return undefined;
  return { ...directive, arguments: (directive.arguments ?? []).filter(({ name }) => name.value !== 'label') };
}

/**
 * Fields with the same name and other arguments are told apart by a number, as the answer needs it.
 *
 * @param texts of the sets within, which are made once: they would be as many as levels are above them
 */
function withoutAliases(set: SelectionSetNode, texts: WeakMap<SelectionSetNode, string>): SelectionSetNode {
  const textOf = (selection: SelectionNode) =>
    selection.kind === Kind.FRAGMENT_SPREAD || !selection.selectionSet
      ? print(selection)
      : `${print({ ...selection, selectionSet: NOTHING })}${texts.get(selection.selectionSet)}`;
  const seen = new Map<string, number>();
  const selections = unique(set.selections.map(withoutAlias), textOf).map((each) => {
    if (each.kind !== Kind.FIELD || !each.arguments || each.arguments.length === 0) return each;
    const count = (seen.get(each.name.value) ?? 0) + 1;
    seen.set(each.name.value, count);
    return count === 1 ? each : withAlias(each, `${each.name.value}_${count}`);
  });
  const normal = { ...set, selections };
  texts.set(normal, `{${selections.map(textOf).join(' ')}}`);
  return normal;
}

const NOTHING: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] };

function withoutAlias(selection: SelectionNode): SelectionNode {
  if (selection.kind !== Kind.FIELD) return selection;
  const { alias: _alias, ...field } = selection;
  return field;
}

function withAlias(field: FieldNode, value: string): FieldNode {
  return { ...field, alias: { kind: Kind.NAME, value } };
}

function unique<Node extends SelectionNode | ValueNode>(
  nodes: readonly Node[],
  textOf: (node: Node) => string,
): readonly Node[] {
  return nodes.length < 2 ? nodes : [...new Map(nodes.map((node) => [textOf(node), node])).values()];
}

/** In the order in which they are spread first. */
function spreadBy(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): FragmentDefinitionNode[] {
  const found = new Set<FragmentDefinitionNode>();
  const collect = (definition: OperationDefinitionNode | FragmentDefinitionNode) =>
    visit(definition, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (!fragment || found.has(fragment)) return;
        found.add(fragment);
        collect(fragment);
      },
    });
  collect(operation);
  return [...found];
}
