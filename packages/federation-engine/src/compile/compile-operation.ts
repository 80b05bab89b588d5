import type { QueryPlan } from '@apollo/query-planner';
import { GraphQLError, OperationTypeNode, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import { Fault } from '../request/fault.js';
import { PlanTooExpensive } from '../supergraph/planner-thread.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { prepareSubgraphCosts } from './cost/subgraph-costs.js';
import { fragmentsOf } from './document/measure-document.js';
import { prepareIntrospection } from './introspection.js';
import { prepareEntityNames } from './entity-names.js';
import type { Operation } from './operation.js';
import { assertAnswerable } from './plan/answerable.js';
import { prepareClientPaths } from './plan/client-paths.js';
import { compilePlan, UnsupportedPlan } from './plan/compile-plan.js';
import { labelDeferred, withoutDefer, type LabelledDocument } from './plan/defer-labels.js';
import { withoutFixedConditions } from './plan/fixed-conditions.js';
import { joinFetches } from './plan/join-fetches.js';
import { setResponseNamesApart } from './plan/response-names.js';
import { withoutIntrospection } from './plan/without-introspection.js';
import { markWithheld, withoutWithheld, type Unmet } from './security/withheld-selections.js';
import type { ValidOperation } from './valid-operation.js';
import { prepareWriters } from './write/answer-writers.js';

/** Compiles a valid operation. @throws when it cannot be planned; UnsupportedPlan; Fault UNAVAILABLE */
export function compileOperation(base: ValidOperation, client?: string): Promise<Operation> {
  const { document, node } = base;
  const named = setResponseNamesApart(document, base.supergraph.plannerNames);
  const labelled = labelDeferred(named);
  const own = labelled.document.definitions[document.definitions.indexOf(node)] as OperationDefinitionNode;
  return compile({ base, client, labelled, node: own, planned: labelled.document, unmet: [] });
}

/**
 * Compiles it for viewers who do not meet some conditions of the graph: what asks for them is not planned, and answered null.
 *
 * @throws as `compileOperation`
 */
export function compileWithheld(base: ValidOperation, unmet: Unmet, client?: string): Promise<Operation> {
  const { supergraph, document, node, fragments } = base;
  const marked = markWithheld(supergraph, fragments, node, unmet);
  const whole: DocumentNode = { ...document, definitions: [marked.node] };
  // What is withheld is known at once, and told at once.
  const named = setResponseNamesApart(marked.isInDeferred ? withoutDefer(whole) : whole, supergraph.plannerNames);
  const labelled = labelDeferred(named);
  const [own] = labelled.document.definitions as readonly [OperationDefinitionNode];
  const planned = withoutWithheld(labelled.document);
  return compile({ base, client, labelled, node: own, planned, unmet: unmet.indices });
}

/** An operation under the names and with the labels that it is planned with. */
interface Prepared extends Pick<Operation, 'base' | 'unmet'> {
  /** The client whose turn it takes to plan it. */
  readonly client: string | undefined;
  readonly labelled: LabelledDocument;
  readonly node: OperationDefinitionNode;
  /** The document without what is withheld. */
  readonly planned: DocumentNode;
}

async function compile({ base, client, labelled, node, planned, unmet }: Prepared): Promise<Operation> {
  const { document: _client, fragments: _written, costs, textLength, ...facts } = base;
  const { supergraph, deciding, secured } = facts;
  const { document, deferred } = labelled;
  const { operation: type, selectionSet } = node;
  const { schema } = supergraph;
  const rootType = schema.getRootType(type);
  if (!rootType) throw new GraphQLError(`The schema has no ${type} type.`, { nodes: node });
  const fragments = fragmentsOf(document);
  const introspection = prepareIntrospection({ supergraph, rootType, node, fragments });

  // plan
  // Of a subscription, the subscriber is told that nothing of it is left.
  const settled = type === OperationTypeNode.SUBSCRIPTION ? planned : withoutFixedConditions(planned);
  const plannedNode = settled.definitions[document.definitions.indexOf(node)] as OperationDefinitionNode;
  const plan = await planOf(supergraph, introspection ? withoutIntrospection(settled) : settled, plannedNode, client);

  // steps
  const { primary, step } = compilePlan(plan, supergraph.typesWithin, deferred);
  if (type === OperationTypeNode.SUBSCRIPTION && !primary)
    throw new UnsupportedPlan('This subscription selects nothing that can be subscribed to.');
  assertAnswerable(schema, fragments, rootType, plannedNode, [primary, step]);

  return {
    ...facts,
    base,
    plan,
    unmet,
    subgraphCosts: prepareSubgraphCosts(costs, plannedNode, [primary, step]),
    compiled: {
      type,
      graph: supergraph,
      rootType: rootType.name,
      deciding,
      isGuarded: secured.length > 0,
      primary,
      step: step && joinFetches(step),
      introspection,
      clientPath: prepareClientPaths(selectionSet, fragments),
      entityNames: prepareEntityNames({ supergraph, fragments, rootType, node }),
      writers: prepareWriters({ schema, fragments, rootType, selectionSet, deferred }),
    },
    // The document, the plan and the writers are about as large as each other.
    bytes: 2_000 + 40 * textLength + 5 * JSON.stringify(plan).length,
  };
}

/**
 * Of subscriptions the planner takes no `@defer`, and no condition on the root field. Of others it fails at some `@defer` by
 * an assertion of its own; that is a wish, so they are planned as a whole.
 */
async function planOf(
  supergraph: Supergraph,
  document: DocumentNode,
  node: OperationDefinitionNode,
  client: string | undefined,
): Promise<QueryPlan> {
  try {
    return await supergraph.plan(document, node.name?.value, client);
  } catch (error) {
    if (error instanceof PlanTooExpensive) throw new UnsupportedPlan(error.message, { reason: 'PLAN_TOO_EXPENSIVE' });
    if (error instanceof Fault) throw error;
    if (node.operation !== OperationTypeNode.SUBSCRIPTION) {
      const whole = withoutDefer(document);
      if (whole === document) throw error;
      return supergraph.plan(whole, node.name?.value, client);
    }
    // The planner's own words may hold names that clients must not know.
    throw new UnsupportedPlan(
      'This subscription is not served: it has @defer, a condition on its root field, or what no subgraph can be asked for.',
      { cause: error },
    );
  }
}
