import type { FetchNode, PlanNode, QueryPlan, ResponsePath } from '@apollo/query-planner';
import { Kind, parse } from 'graphql';
import type { FetchStep, PathStep, Step } from './steps.js';

/** A plan asks for something that this gateway does not do. */
export class UnsupportedPlan extends Error {}

/** Prepares Apollo's plan. Null when nothing has to be fetched. @throws UnsupportedPlan */
export function compilePlan({ node }: QueryPlan): Step | null {
  if (!node) return null;
  if (node.kind === 'Subscription') throw new UnsupportedPlan('Subscriptions are not served over this protocol.');
  return compileNode(node, []);
}

function compileNode(node: PlanNode, path: readonly PathStep[]): Step {
  switch (node.kind) {
    case 'Sequence':
      return { kind: 'sequence', steps: node.nodes.map((inner) => compileNode(inner, path)) };
    case 'Parallel':
      return { kind: 'parallel', steps: node.nodes.map((inner) => compileNode(inner, path)) };
    case 'Flatten':
      return compileNode(node.node, [...path, ...compilePath(node.path)]);
    case 'Condition':
      return {
        kind: 'condition',
        variable: node.condition,
        ifTrue: node.ifClause ? compileNode(node.ifClause, path) : null,
        ifFalse: node.elseClause ? compileNode(node.elseClause, path) : null,
      };
    case 'Fetch':
      return compileFetch(node, path);
    case 'Defer':
      return {
        kind: 'defer',
        primary: {
          step: node.primary.node ? compileNode(node.primary.node, path) : null,
          subselection: node.primary.subselection ?? null,
        },
        deferred: node.deferred.map((part) => ({
          label: part.label ?? null,
          depends: part.depends.map(({ id }) => id),
          path: part.queryPath,
          subselection: part.subselection ?? null,
          step: part.node ? compileNode(part.node, path) : null,
        })),
      };
  }
}

function compileFetch(node: FetchNode, path: readonly PathStep[]): FetchStep {
  if (node.contextRewrites && node.contextRewrites.length > 0)
    throw new UnsupportedPlan('Arguments from a context (@fromContext) are not served.');
  const { operation, operationName } = node;
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  return {
    kind: 'fetch',
    id: node.id ?? null,
    subgraph: node.serviceName,
    type: node.operationKind,
    operation,
    operationName,
    bodyHead: `{"query":${JSON.stringify(operation)}${name},"variables":{`,
    variables: node.variableUsages ?? [],
    path,
    rootNames: rootNames(operation),
    requires: node.requires ?? null,
    inputRewrites: node.inputRewrites ?? [],
    outputRewrites: node.outputRewrites ?? [],
  };
}

/**
 * Response path elements: a response name, `@` for the items of a list, either with types behind a bar (`@|[Book,Film]`)
 * where only objects of these are meant.
 */
function compilePath(path: ResponsePath): PathStep[] {
  return path.map((element) => {
    const [name = '', types] = String(element).split('|');
    const only = types === undefined ? null : new Set(types.replace(/^\[|\]$/g, '').split(','));
    return name === '@' ? { kind: 'items', types: only } : { kind: 'field', name, types: only };
  });
}

function rootNames(operation: string): string[] {
  const names = new Set<string>();
  for (const definition of parse(operation, { noLocation: true }).definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    for (const selection of definition.selectionSet.selections)
      if (selection.kind === Kind.FIELD) names.add((selection.alias ?? selection.name).value);
  }
  return [...names];
}
