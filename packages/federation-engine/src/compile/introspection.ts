import {
  executeSync,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Data } from '../request/data.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { collectFields } from './write/collect-fields.js';

/** Answers the fields of an operation's root that ask about the schema, which no subgraph knows as a whole; null where none is left. */
export type Introspection = (
  conditions: ReadonlyMap<string, boolean>,
  variables: Readonly<Record<string, unknown>>,
) => Data | null;

/** Answers without variables are the same every time. They are large: a few are kept of each version of the graph. */
const MAX_ANSWERS = 8;
const answers = new WeakMap<Supergraph, LRUCache<Introspection, Data>>();

const ASKS_ABOUT_SCHEMA = /\b__(schema|type)\b/;

interface Selected {
  readonly supergraph: Supergraph;
  readonly rootType: GraphQLObjectType;
  readonly node: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

/** Prepares what an operation asks about the schema; null where it can ask nothing. */
export function prepareIntrospection({ supergraph, rootType, node, fragments }: Selected): Introspection | null {
  if (fragments.size === 0 && !ASKS_ABOUT_SCHEMA.test(JSON.stringify(node.selectionSet))) return null;
  const { schema } = supergraph;
  const isFixed = (node.variableDefinitions ?? []).length === 0;

  const introspection: Introspection = (conditions, variables) => {
    const fields = [...collectFields({ schema, fragments, conditions }, rootType, [node.selectionSet]).values()]
      .flat()
      .filter(({ name }) => name.value === '__schema' || name.value === '__type');
    if (fields.length === 0) return null;
    const known = isFixed ? answers.get(supergraph)?.get(introspection) : undefined;
    if (known) return { ...known };
    const data = answer(fields, variables);
    if (isFixed) keep(supergraph, introspection, data);
    return { ...data };
  };

  function answer(fields: readonly FieldNode[], variableValues: Readonly<Record<string, unknown>>): Data {
    const document: DocumentNode = {
      kind: Kind.DOCUMENT,
      definitions: [{ ...node, selectionSet: { kind: Kind.SELECTION_SET, selections: fields } }, ...fragments.values()],
    };
    const { data, errors } = executeSync({ schema, document, rootValue: {}, variableValues });
    if (!data) throw new Error(`introspection failed: ${errors?.[0]?.message ?? ''}`);
    return data;
  }

  return introspection;
}

function keep(supergraph: Supergraph, introspection: Introspection, data: Data): void {
  let kept = answers.get(supergraph);
  if (!kept) answers.set(supergraph, (kept = new LRUCache({ max: MAX_ANSWERS })));
  kept.set(introspection, data);
}
