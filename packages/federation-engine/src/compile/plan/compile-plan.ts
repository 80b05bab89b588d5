import type { PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import { parse } from 'graphql';
import type { PlannedFetch } from '../../supergraph/planner/conditional-requirements.js';
import type { TypesWithin } from '../../supergraph/supergraph.js';
import { compilePartPath, compilePath, nameOf } from './compile-path.js';
import { compileContexts, compileRewrites } from './compile-rewrites.js';
import type { DeferredSelection } from './defer-labels.js';
import { compileRepresentations } from './compile-representations.js';
import { joinPath, producedPaths } from './produced-paths.js';
import { findRenamedMembers } from './renamed-members.js';
import type { FetchStep, PathStep, Step } from './steps.js';

/** A plan asks for something that this engine does not do. */
export class UnsupportedPlan extends Error {
  readonly reason: 'NOT_SERVED' | 'PLAN_TOO_EXPENSIVE';

  constructor(message: string, options: ErrorOptions & { readonly reason?: UnsupportedPlan['reason'] } = {}) {
    super(message, options);
    this.reason = options.reason ?? 'NOT_SERVED';
  }
}

export interface CompiledPlan {
  /** What is subscribed to; null for queries and mutations. */
  readonly primary: FetchStep | null;
  /** What is fetched: of a subscription, for each of its events. Null when nothing is. */
  readonly step: Step | null;
}

/**
 * Prepares Apollo's plan.
 *
 * @param deferred what is put off, by the labels of the plan
 * @throws UnsupportedPlan
 */
export function compilePlan({ node }: QueryPlan, typesWithin: TypesWithin, deferred: Deferred = NOTHING): CompiledPlan {
  if (!node) return { primary: null, step: null };
  const graph: PlanContext = { producers: countProducers(node), typesWithin, deferred };
  if (node.kind !== 'Subscription') return { primary: null, step: compileNode(node, [], graph) };
  return {
    primary: compileFetch(node.primary, [], graph),
    step: node.rest ? compileNode(node.rest, [], graph) : null,
  };
}

type Deferred = ReadonlyMap<string, Pick<DeferredSelection, 'label'>>;
const NOTHING: Deferred = new Map();

/** What is known of a plan as a whole, and of its graph. */
interface PlanContext {
  readonly deferred: Deferred;
  readonly producers: Producers;
  readonly typesWithin: TypesWithin;
}

function compileNode(node: PlanNode, path: readonly PathStep[], graph: PlanContext): Step {
  switch (node.kind) {
    case 'Sequence':
      return { kind: 'sequence', steps: node.nodes.map((inner) => compileNode(inner, path, graph)) };
    case 'Parallel':
      return { kind: 'parallel', steps: node.nodes.map((inner) => compileNode(inner, path, graph)) };
    case 'Flatten':
      return compileNode(node.node, [...path, ...compilePath(node.path)], graph);
    case 'Condition':
      return {
        kind: 'condition',
        variable: node.condition,
        ifTrue: node.ifClause ? compileNode(node.ifClause, path, graph) : null,
        ifFalse: node.elseClause ? compileNode(node.elseClause, path, graph) : null,
      };
    case 'Fetch':
      return compileFetch(node, path, graph);
    case 'Defer':
      return {
        kind: 'defer',
        primary: { step: node.primary.node ? compileNode(node.primary.node, path, graph) : null },
        deferred: node.deferred.map((part) => ({
          name: part.label ?? '',
          label: graph.deferred.get(part.label ?? '')?.label ?? null,
          depends: part.depends.map(({ id }) => id),
          path: compilePartPath(part.queryPath, graph.typesWithin),
          step: part.node ? compileNode(part.node, path, graph) : null,
        })),
      };
  }
}

function compileFetch(node: PlannedFetch, path: readonly PathStep[], graph: PlanContext): FetchStep {
  const { operation, operationName } = node;
  const { producers, typesWithin } = graph;
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  const bodyHead = `{"query":${JSON.stringify(operation)}${name},"variables":{`;
  const variables = node.variableUsages ?? [];
  const base = nameOf(path);
  const conditions = node.conditions ?? null;
  const inputRewrites = compileRewrites(node.inputRewrites, typesWithin);
  const { rootNames, members } = producedPaths(parse(operation, { noLocation: true }), base);
  return {
    kind: 'fetch',
    id: node.id ?? null,
    subgraph: node.serviceName,
    type: node.operationKind,
    operation,
    operationName,
    bodyHead,
    fixedHead: variables.length > 0 ? null : `${bodyHead}${node.requires ? '"representations":[' : '}}'}`,
    variables,
    path,
    alsoAt: [],
    rootNames,
    members,
    representations: node.requires
      ? compileRepresentations(node.requires, conditions, inputRewrites, typesWithin)
      : null,
    conditions,
    outputRewrites: compileRewrites(node.outputRewrites, typesWithin),
    renamed: findRenamedMembers(node.outputRewrites ?? []),
    contexts: compileContexts(node.contextRewrites, typesWithin),
    sharing: {
      targets: producers.get(base) === 1,
      mayShare: (member) => producers.get(joinPath(base, member)) === 1,
    },
  };
}

/** How many fetches of a plan bring the object at a place. */
type Producers = ReadonlyMap<string, number>;

/**
 * Counts the fetches that bring each object of the answer.
 *
 * An object that one fetch alone brings may stand at several places: whatever is brought later is brought to the object
 * itself, by fetches that start from it or below. An object that two fetches bring is merged from both at each of its
 * places, from what is known there, so each place needs its own.
 */
function countProducers(root: PlanNode | SubscriptionNode): Producers {
  const producers = new Map<string, number>();
  let isApart = false;
  const visit = (node: PlanNode | SubscriptionNode | undefined, base: string): void => {
    switch (node?.kind) {
      case undefined:
        return;
      case 'Subscription':
        visit(node.primary, base);
        visit(node.rest, base);
        return;
      case 'Sequence':
      case 'Parallel':
        for (const inner of node.nodes) visit(inner, base);
        return;
      case 'Flatten':
        visit(node.node, [base, nameOf(compilePath(node.path))].filter((part) => part !== '').join('.'));
        return;
      case 'Condition':
        visit(node.ifClause, base);
        visit(node.elseClause, base);
        return;
      case 'Defer':
        visit(node.primary.node, base);
        for (const part of node.deferred) visit(part.node, base);
        return;
      case 'Fetch':
        // Renamed members stand elsewhere than their operation says; with contexts, what an entity is depends on its place.
        isApart ||= node.outputRewrites?.some(({ kind }) => kind === 'KeyRenamer') ?? false;
        isApart ||= (node.contextRewrites ?? []).length > 0;
        for (const place of producedPaths(parse(node.operation, { noLocation: true }), base).objects)
          producers.set(place, (producers.get(place) ?? 0) + 1);
    }
  };
  visit(root, '');
  // Such plans are rare and share nothing.
  return isApart ? new Map() : producers;
}
