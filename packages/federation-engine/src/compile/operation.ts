import type { QueryPlan } from '@apollo/query-planner';
import { Fault } from '../request/fault.js';
import { GraphQLError, OperationTypeNode } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  OperationDefinitionNode,
} from 'graphql';
import { collectFields } from './write/collect-fields.js';
import { compileResponseWriter, type ResponseWriter, type WrittenForm } from './write/response-writer.js';
import { PlanTooExpensive } from '../supergraph/planner-thread.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { assertAnswerable } from './plan/answerable.js';
import { prepareClientPaths, type ClientPath } from './plan/client-paths.js';
import { compilePlan, UnsupportedPlan } from './plan/compile-plan.js';
import { labelDeferred, withoutDefer, type DeferredSelection } from './plan/defer-labels.js';
import { withoutFixedConditions } from './plan/fixed-conditions.js';
import { withoutIntrospection } from './plan/without-introspection.js';
import { setResponseNamesApart } from './plan/response-names.js';
import { fragmentsOf } from './document/measure-document.js';
import { joinFetches } from './plan/join-fetches.js';
import type { FetchStep, Step } from './plan/steps.js';
import { prepareSubgraphCosts, type SubgraphCosts } from './cost/subgraph-costs.js';
import type { OperationFacts, ValidOperation } from './valid-operation.js';
import { markWithheld, withoutWithheld, type Unmet } from './security/withheld-selections.js';

/** Writers differ by the values of Boolean variables; an operation with many of them does not get one for each mix. */
const MAX_WRITERS = 32;

/** An operation of a client, ready to be run any number of times. */
export interface Operation extends OperationFacts {
  /** As its client wrote it, with what is withheld from its viewers. */
  readonly base: ValidOperation;
  /** As it is planned: response names may differ from the client's, see `response-names.ts`. */
  readonly document: DocumentNode;
  readonly rootType: GraphQLObjectType;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly plan: QueryPlan;
  /** What is subscribed to; null for queries and mutations. */
  readonly primary: FetchStep | null;
  /** What is fetched: of a subscription, for each of its events. Null when nothing has to be. */
  readonly step: Step | null;
  /** What is put off, by the labels of the plan. */
  readonly deferred: ReadonlyMap<string, DeferredSelection>;
  /** The conditions that its viewers do not meet; what asks for them is withheld. */
  readonly unmet: readonly number[];
  readonly subgraphCosts: SubgraphCosts;
  /** Where an error is told to the client. */
  readonly clientPath: ClientPath;
  /** About what memory it takes. */
  readonly bytes: number;
  /** Whether a field of the root may ask about the schema. */
  readonly asksAboutSchema: boolean;
  /** By the values of Boolean variables; see `responseWriter`. */
  readonly writers: Map<string, ResponseWriter>;
}

/** Compiles a valid operation. @throws when it cannot be planned; UnsupportedPlan; Fault UNAVAILABLE */
export function compileOperation(base: ValidOperation, client?: string): Promise<Operation> {
  const { supergraph, document: clientDocument, node: clientNode } = base;
  const { document, deferred } = labelDeferred(setResponseNamesApart(clientDocument, supergraph.plannerNames));
  const node = document.definitions[clientDocument.definitions.indexOf(clientNode)] as OperationDefinitionNode;
  return compile({ base, client, document, node, deferred, planned: document, unmet: [] });
}

/**
 * Compiles it for viewers who do not meet some conditions of the graph: what asks for them is not planned, and answered null.
 *
 * @throws as `compileOperation`
 */
export function compileWithheld(base: ValidOperation, unmet: Unmet, client?: string): Promise<Operation> {
  const { supergraph, document: clientDocument, node: clientNode, fragments } = base;
  const marked = markWithheld(supergraph, fragments, clientNode, unmet);
  const whole: DocumentNode = { ...clientDocument, definitions: [marked.node] };
  // What is withheld is known at once, and told at once.
  const apart = setResponseNamesApart(marked.isInDeferred ? withoutDefer(whole) : whole, supergraph.plannerNames);
  const { document, deferred } = labelDeferred(apart);
  const [node] = document.definitions as readonly [OperationDefinitionNode];
  return compile({ base, client, document, node, deferred, planned: withoutWithheld(document), unmet: unmet.indices });
}

const ASKS_ABOUT_SCHEMA = /\b__(schema|type)\b/;

interface Prepared extends Pick<Operation, 'base' | 'document' | 'node' | 'deferred' | 'unmet'> {
  /** Whose turn it takes to plan it. */
  readonly client: string | undefined;
  /** The document without what is withheld. */
  readonly planned: DocumentNode;
}

async function compile({ base, document, node, deferred, planned, client, unmet }: Prepared): Promise<Operation> {
  const { supergraph, secured, cost, costs, deciding, rootFields, overrideLabels, textLength } = base;
  const { schema } = supergraph;
  const rootType = schema.getRootType(node.operation);
  if (!rootType) throw new GraphQLError(`The schema has no ${node.operation} type.`, { nodes: node });
  const fragments = fragmentsOf(document);
  // Of a subscription, whoever subscribes is told that nothing of it is left.
  const settled = node.operation === OperationTypeNode.SUBSCRIPTION ? planned : withoutFixedConditions(planned);
  const plannedNode = settled.definitions[document.definitions.indexOf(node)] as OperationDefinitionNode;
  const asksAboutSchema = ASKS_ABOUT_SCHEMA.test(JSON.stringify(node.selectionSet)) || fragments.size > 0;
  const toPlan = asksAboutSchema ? withoutIntrospection(settled) : settled;
  const plan = await planOf(supergraph, toPlan, plannedNode, client);
  const { primary, step } = compilePlan(plan, supergraph.typesWithin);
  if (node.operation === OperationTypeNode.SUBSCRIPTION && !primary)
    throw new UnsupportedPlan('This subscription selects nothing that can be subscribed to.');
  assertAnswerable(schema, fragments, rootType, plannedNode, [primary, step]);

  return {
    base,
    supergraph,
    document,
    node,
    name: node.name?.value ?? null,
    type: node.operation,
    rootType,
    fragments,
    plan,
    primary,
    step: step && joinFetches(step),
    deferred,
    overrideLabels,
    secured,
    unmet,
    clientPath: prepareClientPaths(node.selectionSet, fragments),
    cost,
    rootFields,
    subgraphCosts: prepareSubgraphCosts(costs, plannedNode, [primary, step]),
    // The document, the plan and the writers are about as large as each other.
    bytes: 2_000 + 40 * textLength + 5 * JSON.stringify(plan).length,
    deciding,
    asksAboutSchema,
    writers: new Map(),
  };
}

/**
 * The writer of an operation's answer where conditions have these values.
 *
 * @param form what it makes
 */
export function responseWriter(
  operation: Operation,
  conditions: ReadonlyMap<string, boolean>,
  form: WrittenForm = 'text',
): ResponseWriter {
  const { writers } = operation;
  const values = [...conditions.values()].map(Number).join('');
  const key = form === 'text' ? values : `${form} ${values}`;
  let writer = writers.get(key);
  if (!writer) {
    if (writers.size >= MAX_WRITERS) writers.clear();
    const { supergraph, fragments, rootType, node } = operation;
    const { schema } = supergraph;
    writer = compileResponseWriter({ schema, fragments, conditions }, rootType, [node.selectionSet], form);
    writers.set(key, writer);
  }
  return writer;
}

/** Fields of an operation's root that ask about the schema. */
export function introspectionFields(
  { asksAboutSchema, supergraph, fragments, rootType, node }: Operation,
  conditions: ReadonlyMap<string, boolean>,
): readonly FieldNode[] {
  if (!asksAboutSchema) return [];
  const { schema } = supergraph;
  return [...collectFields({ schema, fragments, conditions }, rootType, [node.selectionSet]).values()]
    .flat()
    .filter(({ name }) => name.value === '__schema' || name.value === '__type');
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
