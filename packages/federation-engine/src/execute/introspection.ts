import { executeSync, Kind, type DocumentNode, type FieldNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Operation } from '../compile/operation.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import type { Data } from '../request/data.js';

/** Answers without variables are the same every time. They are large: a few are kept of each version of the graph. */
const MAX_ANSWERS = 8;
const answers = new WeakMap<Supergraph, LRUCache<Operation, Data>>();

/** Answers the fields of an operation that ask about the schema, which no subgraph knows as a whole. */
export function introspect(
  operation: Operation,
  fields: readonly FieldNode[],
  variables: Readonly<Record<string, unknown>>,
): Data {
  const isFixed = (operation.node.variableDefinitions ?? []).length === 0;
  const known = isFixed ? answers.get(operation.supergraph)?.get(operation) : undefined;
  if (known) return { ...known };
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation.node, selectionSet: { kind: Kind.SELECTION_SET, selections: fields } },
      ...operation.fragments.values(),
    ],
  };
  const { data, errors } = executeSync({
    schema: operation.supergraph.schema,
    document,
    rootValue: {},
    variableValues: variables,
  });
  if (!data) throw new Error(`introspection failed: ${errors?.[0]?.message ?? ''}`);
  if (isFixed) keep(operation, data);
  return { ...data };
}

function keep(operation: Operation, data: Data): void {
  let kept = answers.get(operation.supergraph);
  if (!kept) answers.set(operation.supergraph, (kept = new LRUCache({ max: MAX_ANSWERS })));
  kept.set(operation, data);
}
