import {
  getNamedType,
  isCompositeType,
  Kind,
  typeFromAST,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { SecurityCondition } from '../../supergraph/planner/security-requirements.js';
import type { Supergraph } from '../../supergraph/supergraph.js';
import { guardsOf } from './guards.js';

/** What a viewer does not meet. */
export interface Unmet {
  /** Indices into the conditions of the supergraph, in their order. */
  readonly indices: readonly number[];
  /** Whether nobody meets a condition, whichever user signs in. */
  readonly isHopeless: (condition: SecurityCondition) => boolean;
}

/** Why a field is withheld. */
export interface Withholding {
  readonly conditions: readonly SecurityCondition[];
  readonly isHopeless: boolean;
}

/** A field that may be withheld. The mark is a member of the node itself, which whatever copies nodes keeps. */
interface MarkedField extends FieldNode {
  readonly withheld?: Withholding;
}

interface MarkedOperation {
  /** Without named fragments: what one selects may be withheld at one place, and not at another. */
  readonly node: OperationDefinitionNode;
  /** Whether something is withheld that `@defer` puts off. */
  readonly isInDeferred: boolean;
}

/** Why the field is withheld that these nodes select; null when one of them may be answered. */
export function withholdingOf(nodes: readonly FieldNode[]): Withholding | null {
  const [first] = nodes as readonly MarkedField[];
  return first?.withheld && nodes.every((node: MarkedField) => node.withheld) ? first.withheld : null;
}

/** Marks the fields of an operation that ask what its viewer does not meet, with all that they select. */
export function markWithheld(
  supergraph: Supergraph,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  operation: OperationDefinitionNode,
  { indices, isHopeless }: Unmet,
): MarkedOperation {
  const { schema, requirements } = supergraph;
  const guards = guardsOf(supergraph);
  const unmet = new Set(indices);
  let isInDeferred = false;

  function judge(parent: GraphQLCompositeType, { name }: FieldNode): Withholding | null {
    const failed = guards(parent, name.value).filter((index) => unmet.has(index));
    if (failed.length === 0) return null;
    const conditions = failed.map((index) => requirements.conditions[index] as SecurityCondition);
    return { conditions, isHopeless: conditions.some(isHopeless) };
  }

  function markAll(
    { selections }: SelectionSetNode,
    parent: GraphQLCompositeType | null,
    outer: Withholding | null,
    isPutOff: boolean,
  ): SelectionSetNode {
    const marked = selections.map((selection) => mark(selection, parent, outer, isPutOff));
    return { kind: Kind.SELECTION_SET, selections: marked };
  }

  function mark(
    selection: SelectionNode,
    parent: GraphQLCompositeType | null,
    outer: Withholding | null,
    isPutOff: boolean,
  ): SelectionNode {
    if (selection.kind === Kind.FIELD) return markField(selection, parent, outer, isPutOff);
    const isDeferred = isPutOff || selection.directives?.some(({ name }) => name.value === 'defer') === true;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
    if (!fragment) return selection;
    const { typeCondition } = fragment;
    const condition = typeCondition ? typeFromAST(schema, typeCondition) : parent;
    return {
      kind: Kind.INLINE_FRAGMENT,
      ...(typeCondition && { typeCondition }),
      directives: selection.directives ?? [],
      selectionSet: markAll(fragment.selectionSet, isCompositeType(condition) ? condition : null, outer, isDeferred),
    };
  }

  function markField(
    field: FieldNode,
    parent: GraphQLCompositeType | null,
    outer: Withholding | null,
    isPutOff: boolean,
  ): MarkedField {
    // The names of types are no secret, and introspection is no data.
    const withheld = field.name.value.startsWith('__') ? null : (outer ?? (parent && judge(parent, field)));
    if (withheld && isPutOff) isInDeferred = true;
    const definition = parent && 'getFields' in parent ? parent.getFields()[field.name.value] : undefined;
    const type = definition && getNamedType(definition.type);
    return {
      ...field,
      ...(withheld && { withheld }),
      ...(field.selectionSet && {
        selectionSet: markAll(field.selectionSet, isCompositeType(type) ? type : null, withheld, isPutOff),
      }),
    };
  }

  const root = schema.getRootType(operation.operation) ?? null;
  const selectionSet = markAll(operation.selectionSet, root, null, false);
  return { node: { ...operation, selectionSet }, isInDeferred };
}

/** An operation without what is withheld. Objects of which nothing is left are asked for their type's name. */
export function withoutWithheld(document: DocumentNode): DocumentNode {
  return {
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION
        ? { ...definition, selectionSet: prune(definition.selectionSet) ?? TYPENAME_ONLY }
        : definition,
    ),
  };
}

function prune({ selections }: SelectionSetNode): SelectionSetNode | null {
  const left = selections.flatMap((selection): SelectionNode[] => {
    if (selection.kind === Kind.FIELD) {
      if ((selection as MarkedField).withheld) return [];
      if (!selection.selectionSet) return [selection];
      return [{ ...selection, selectionSet: prune(selection.selectionSet) ?? TYPENAME_ONLY }];
    }
    if (selection.kind === Kind.FRAGMENT_SPREAD) return [selection];
    const selectionSet = prune(selection.selectionSet);
    return selectionSet ? [{ ...selection, selectionSet }] : [];
  });
  return left.length === 0 ? null : { kind: Kind.SELECTION_SET, selections: left };
}

const TYPENAME_ONLY: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
};
