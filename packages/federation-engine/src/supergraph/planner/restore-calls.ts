import type {
  FetchDataRewrite,
  FetchNode,
  PlanNode,
  QueryPlan,
  QueryPlanSelectionNode,
  SubscriptionNode,
} from '@apollo/query-planner';
import {
  Kind,
  parse,
  print,
  visit,
  type DocumentNode,
  type FieldNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { requirementKey, type PlannerSchema } from './planner-schema.js';
import { dropPaths, requiredPaths } from './required-paths.js';

/**
 * Puts fields with arguments where a plan has their stand-ins (see `planner-schema.ts`).
 *
 * A fetch asks for the field under the name of its stand-in, so it meets nothing of the client's; a representation has it
 * under its own name. A fetch of fields that require one member with different arguments cannot be sent with one
 * representation: it becomes several.
 */
export function restoreCalls(plan: QueryPlan, schema: PlannerSchema): QueryPlan {
  return plan.node ? { ...plan, node: restoreNode(plan.node, schema) } : plan;
}

function restoreNode<Node extends PlanNode | SubscriptionNode>(node: Node, schema: PlannerSchema): Node;
function restoreNode(node: PlanNode | SubscriptionNode, schema: PlannerSchema): PlanNode | SubscriptionNode {
  const restore = (inner: PlanNode): PlanNode => restoreNode(inner, schema);
  switch (node.kind) {
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(restore) };
    case 'Flatten':
      return { ...node, node: restore(node.node) };
    case 'Condition':
      return {
        ...node,
        ...(node.ifClause && { ifClause: restore(node.ifClause) }),
        ...(node.elseClause && { elseClause: restore(node.elseClause) }),
      };
    case 'Defer':
      return {
        ...node,
        primary: { ...node.primary, ...(node.primary.node && { node: restore(node.primary.node) }) },
        deferred: node.deferred.map((part) => ({ ...part, ...(part.node && { node: restore(part.node) }) })),
      };
    case 'Subscription':
      return {
        ...node,
        primary: restoreFetch(node.primary, schema),
        ...(node.rest && { rest: restore(node.rest) }),
      };
    case 'Fetch': {
      const fetches = split(node, schema).map((part) => restoreFetch(part, schema));
      const [only] = fetches;
      if (only && fetches.length === 1) return only;
      // What waits for a fetch by its id waits for the last of them.
      return node.id === undefined
        ? { kind: 'Parallel', nodes: fetches }
        : {
            kind: 'Sequence',
            nodes: fetches.map((part, index) => (index < fetches.length - 1 ? unnamed(part) : part)),
          };
    }
  }
}

function unnamed({ id: _id, ...fetch }: FetchNode): FetchNode {
  return fetch;
}

function restoreFetch(node: FetchNode, { calls }: PlannerSchema): FetchNode {
  const renames = standInRenames(node.requires ?? [], [], calls);
  const document: DocumentNode = visit(parse(node.operation, { noLocation: true }), {
    Field(field) {
      const call = calls.get(field.name.value);
      if (!call) return undefined;
      return {
        ...field,
        alias: field.alias ?? field.name,
        name: { kind: Kind.NAME, value: call.field },
        arguments: call.arguments,
      };
    },
  });
  return {
    ...node,
    operation: print(document),
    ...(renames.length > 0 && { inputRewrites: [...renames, ...(node.inputRewrites ?? [])] }),
  };
}

function standInRenames(
  selections: readonly QueryPlanSelectionNode[],
  path: readonly string[],
  calls: PlannerSchema['calls'],
): FetchDataRewrite[] {
  return selections.flatMap((selection): FetchDataRewrite[] => {
    if (selection.kind === 'InlineFragment') {
      const { typeCondition } = selection;
      const inner = typeCondition === undefined ? path : [...path, `... on ${typeCondition}`];
      return standInRenames(selection.selections, inner, calls);
    }
    const here = [...path, selection.alias ?? selection.name];
    const call = calls.get(selection.name);
    return [
      ...standInRenames(selection.selections ?? [], here, calls),
      ...(call ? [{ kind: 'KeyRenamer' as const, path: here, renameKeyTo: call.field }] : []),
    ];
  });
}

/** One fetch for each set of fields whose requirements fit into one representation. */
function split(node: FetchNode, { calls, requirements }: PlannerSchema): FetchNode[] {
  const { requires } = node;
  if (!requires) return [node];
  const required = requiredPaths(requires);
  const sentAs = (path: string) =>
    path
      .split('.')
      .map((name) => calls.get(name)?.field ?? name)
      .join('.');
  const rivals = new Set(
    required.filter((path) => required.some((other) => other !== path && sentAs(other) === sentAs(path))),
  );
  if (rivals.size === 0) return [node];

  const needsOf = (type: string, field: string) =>
    (requirements.get(requirementKey(node.serviceName, type, field)) ?? []).filter((path) => rivals.has(path));
  const groups: Array<Set<string>> = [];
  /** Which group takes a field of the fetch: the first whose representation has all that it needs, or may have. */
  const groupOf = (type: string, field: string): number => {
    const needs = needsOf(type, field);
    const found = groups.findIndex((members) =>
      needs.every((path) => [...members].every((other) => other === path || sentAs(other) !== sentAs(path))),
    );
    const index = found === -1 ? groups.push(new Set()) - 1 : found;
    for (const path of needs) groups[index]?.add(path);
    return index;
  };
  const document = parse(node.operation, { noLocation: true });
  const assigned = assignFields(document, groupOf);
  return groups.map((members, index) => {
    const part = keepFields(document, (field) => assigned.get(field) === index);
    const used = new Set<string>();
    visit(part, { Variable: ({ name }) => void used.add(name.value) });
    return {
      ...node,
      operation: print(part),
      variableUsages: (node.variableUsages ?? []).filter((name) => used.has(name)),
      requires: dropPaths(requires, (path) => rivals.has(path) && !members.has(path)),
    };
  });
}

/** The fields of entities that an operation selects, each with the number of its group. */
function assignFields(
  document: DocumentNode,
  groupOf: (type: string, field: string) => number,
): Map<FieldNode, number> {
  const assigned = new Map<FieldNode, number>();
  const walk = ({ selections }: SelectionSetNode, type: string) => {
    for (const selection of selections)
      if (selection.kind === Kind.FIELD) assigned.set(selection, groupOf(type, selection.name.value));
      else if (selection.kind === Kind.INLINE_FRAGMENT)
        walk(selection.selectionSet, selection.typeCondition?.name.value ?? type);
  };
  for (const field of rootFields(document)) if (field.selectionSet) walk(field.selectionSet, '');
  return assigned;
}

function rootFields({ definitions }: DocumentNode): FieldNode[] {
  return definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? definition.selectionSet.selections.filter((selection) => selection.kind === Kind.FIELD)
      : [],
  );
}

/** The operation with those fields of entities only, and with the variables that they use. */
function keepFields(document: DocumentNode, isKept: (field: FieldNode) => boolean): DocumentNode {
  const keep = (set: SelectionSetNode): SelectionSetNode => ({
    ...set,
    selections: set.selections.flatMap((selection): SelectionNode[] => {
      if (selection.kind === Kind.FIELD) return isKept(selection) ? [selection] : [];
      if (selection.kind === Kind.FRAGMENT_SPREAD) return [selection];
      const inner = keep(selection.selectionSet);
      return inner.selections.length === 0 ? [] : [{ ...selection, selectionSet: inner }];
    }),
  });
  return {
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION ? withoutUnusedVariables(keepRoot(definition, keep)) : definition,
    ),
  };
}

function keepRoot(
  operation: OperationDefinitionNode,
  keep: (set: SelectionSetNode) => SelectionSetNode,
): OperationDefinitionNode {
  const { selectionSet } = operation;
  const selections = selectionSet.selections.map((selection) =>
    selection.kind === Kind.FIELD && selection.selectionSet
      ? { ...selection, selectionSet: keep(selection.selectionSet) }
      : selection,
  );
  return { ...operation, selectionSet: { ...selectionSet, selections } };
}

function withoutUnusedVariables(operation: OperationDefinitionNode): OperationDefinitionNode {
  const used = new Set<string>();
  visit(operation.selectionSet, { Variable: ({ name }) => void used.add(name.value) });
  return {
    ...operation,
    variableDefinitions: (operation.variableDefinitions ?? []).filter(({ variable }) => used.has(variable.name.value)),
  };
}
