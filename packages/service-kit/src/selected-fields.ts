import {
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  type SelectionSetNode,
} from 'graphql';
import { isCondition } from '@taskgraph/federation-engine/documents';

type SelectionInfo = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** By field of a document, and by what was asked of it: documents are kept, and each is looked through once. */
const known = new WeakMap<FieldNode, Map<string, ReadonlySet<string>>>();

/**
 * Tells which fields of a type the selection of a field holds: of what the field returns, or of what is found further down the `path`
 * of field names. What a condition (`@skip`, `@include`) may leave out counts as selected. The set of one place of one document is
 * always the same object, so what is derived from it can be kept by it.
 */
export function selectedFields(info: SelectionInfo, type: string, ...path: readonly string[]): ReadonlySet<string> {
  const [first, ...others] = info.fieldNodes;
  if (first && others.length === 0) return fieldsOf(first, info.fragments, type, path);
  return new Set(info.fieldNodes.flatMap((node) => [...fieldsOf(node, info.fragments, type, path)]));
}

function fieldsOf(
  node: FieldNode,
  fragments: SelectionInfo['fragments'],
  type: string,
  path: readonly string[],
): ReadonlySet<string> {
  let places = known.get(node);
  if (!places) known.set(node, (places = new Map<string, ReadonlySet<string>>()));
  const place = [type, ...path].join('.');
  let fields = places.get(place);
  if (!fields) {
    fields = new Set(
      path
        .reduce<readonly FieldNode[]>(
          (nodes, name) =>
            nodes.flatMap((parent) =>
              childrenOf(parent.selectionSet, fragments, null).filter((child) => child.name.value === name),
            ),
          [node],
        )
        .flatMap((parent) => childrenOf(parent.selectionSet, fragments, type).map((child) => child.name.value)),
    );
    places.set(place, fields);
  }
  return fields;
}

/** The fields of a selection, those in fragments included: of all of them, or only of those on a type. */
function childrenOf(
  selectionSet: SelectionSetNode | undefined,
  fragments: Readonly<Record<string, FragmentDefinitionNode>>,
  type: string | null,
): FieldNode[] {
  return (selectionSet?.selections ?? []).flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection];
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value];
    const condition = fragment?.typeCondition?.name.value;
    if (!fragment || (type !== null && condition !== undefined && condition !== type)) return [];
    return childrenOf(fragment.selectionSet, fragments, type);
  });
}

/**
 * The fields that are selected under the `path` of field names whatever variables say, by response name: those that a condition (`@skip`,
 * `@include`) may leave out, here or on the way, are not among them.
 */
export function unconditionalFields(info: SelectionInfo, ...path: readonly string[]): FieldNode[][] {
  const [last, ...reversed] = [...path].reverse();
  const parents = reversed
    .reverse()
    .reduce<readonly FieldNode[]>(
      (nodes, name) => nodes.flatMap((node) => unconditionalChildren(node.selectionSet, info.fragments, name)),
      info.fieldNodes,
    );
  const byName = new Map<string, FieldNode[]>();
  for (const field of parents.flatMap((node) => unconditionalChildren(node.selectionSet, info.fragments, last))) {
    const name = (field.alias ?? field.name).value;
    byName.set(name, [...(byName.get(name) ?? []), field]);
  }
  return [...byName.values()];
}

function unconditionalChildren(
  selectionSet: SelectionSetNode | undefined,
  fragments: SelectionInfo['fragments'],
  name: string | undefined,
): FieldNode[] {
  return (selectionSet?.selections ?? []).flatMap((selection) => {
    if (selection.directives?.some(isCondition)) return [];
    if (selection.kind === Kind.FIELD) return selection.name.value === name ? [selection] : [];
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value];
    return unconditionalChildren(fragment?.selectionSet, fragments, name);
  });
}

/** The columns of a statement, and a name that tells two selections of them apart. */
export interface SelectedColumns<Sql> {
  readonly name: string;
  readonly sql: Sql;
}

/**
 * Makes a function that tells which columns answer which fields of a type, and one more if it is named: the same object for the same
 * set of fields.
 *
 * @param raw makes a part of a statement from text, as `Prisma.raw` does
 * @param always columns that are read whatever is selected
 * @param byField columns by field; a field without an entry needs none
 */
export function columnsByField<Sql>(
  raw: (text: string) => Sql,
  always: readonly string[],
  byField: Readonly<Record<string, readonly string[]>>,
): (fields: ReadonlySet<string>, further?: string) => SelectedColumns<Sql> {
  const kept = new Map<string | undefined, WeakMap<ReadonlySet<string>, SelectedColumns<Sql>>>();
  const columnsOf = (field: string) => (Object.hasOwn(byField, field) ? (byField[field] ?? []) : []);
  return (fields, further) => {
    let bySet = kept.get(further);
    if (!bySet) kept.set(further, (bySet = new WeakMap<ReadonlySet<string>, SelectedColumns<Sql>>()));
    let columns = bySet.get(fields);
    if (!columns) {
      const needed = [...fields, ...(further === undefined ? [] : [further])].flatMap(columnsOf);
      const name = [...new Set([...always, ...needed])].sort().join(', ');
      columns = { name, sql: raw(name) };
      bySet.set(fields, columns);
    }
    return columns;
  };
}
