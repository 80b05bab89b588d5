import type { QueryPlan } from '@apollo/query-planner';
import { AppError } from '@taskgraph/service-kit';
import { GraphQLError, Kind, OperationTypeNode, valueFromASTUntyped, visit } from 'graphql';
import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLObjectType,
  OperationDefinitionNode,
} from 'graphql';
import { collectFields } from '../execution/collect-fields.js';
import { compileResponseWriter, type ResponseWriter } from '../execution/response-writer.js';
import { PlanTooExpensive } from '../supergraph/planner-thread.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { prepareCostEstimate, type CostEstimate } from './estimate-cost.js';
import { assertAnswerable } from './answerable.js';
import { prepareClientPaths, type ClientPath } from './client-paths.js';
import { compilePlan, UnsupportedPlan } from './compile-plan.js';
import { labelDeferred, withoutDefer, type DeferredSelection } from './defer-labels.js';
import { findOverrideLabels } from './override-labels.js';
import { setResponseNamesApart } from './response-names.js';
import { findSecuredSelections, type SecuredSelection } from './secured-selections.js';
import type { FetchStep, Step } from './steps.js';
import { markWithheld, withoutWithheld, type Unmet } from './withheld-selections.js';

/** Writers differ by the values of Boolean variables; an operation with many of them does not get one for each mix. */
const MAX_WRITERS = 32;

/** An operation of a client, ready to be run any number of times. */
export interface Operation {
  readonly supergraph: Supergraph;
  /** As it is planned: response names may differ from the client's, see `response-names.ts`. */
  readonly document: DocumentNode;
  readonly node: OperationDefinitionNode;
  readonly name: string | null;
  readonly type: OperationTypeNode;
  readonly rootType: GraphQLObjectType;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly plan: QueryPlan;
  /** What is subscribed to; null for queries and mutations. */
  readonly primary: FetchStep | null;
  /** What is fetched: of a subscription, for each of its events. Null when nothing has to be. */
  readonly step: Step | null;
  /** What is put off, by the labels of the plan. */
  readonly deferred: ReadonlyMap<string, DeferredSelection>;
  /** What it selects that not everybody may. */
  readonly secured: readonly SecuredSelection[];
  /** Labels of `@override` that decide about its plan. */
  readonly overrideLabels: readonly string[];
  /** The conditions that its viewers do not meet; what asks for them is withheld. */
  readonly unmet: readonly number[];
  /** Compiles it for viewers who do not meet these conditions: what asks for them is not planned, and answered null. */
  readonly withhold: (unmet: Unmet) => Promise<Operation>;
  readonly estimateCost: CostEstimate;
  /** Where an error is told to the client. */
  readonly clientPath: ClientPath;
  /** About what memory it takes. */
  readonly bytes: number;
  /** Values of the Boolean variables that decide about selections. */
  conditions(variables: Readonly<Record<string, unknown>>): ReadonlyMap<string, boolean>;
  writer(conditions: ReadonlyMap<string, boolean>): ResponseWriter;
  /** Fields of the root that ask about the schema. */
  introspection(conditions: ReadonlyMap<string, boolean>): readonly FieldNode[];
}

/** Compiles a valid operation. @throws when it cannot be planned; UnsupportedPlan; AppError UNAVAILABLE */
export function compileOperation(
  supergraph: Supergraph,
  clientDocument: DocumentNode,
  clientNode: OperationDefinitionNode,
  textLength: number,
): Promise<Operation> {
  const secured = findSecuredSelections(supergraph, fragmentsOf(clientDocument), clientNode);
  const { plannerNames } = supergraph;
  const { document, deferred } = labelDeferred(setResponseNamesApart(clientDocument, plannerNames));
  const node = document.definitions[clientDocument.definitions.indexOf(clientNode)] as OperationDefinitionNode;
  const withhold = (unmet: Unmet) => {
    const marked = markWithheld(supergraph, fragmentsOf(clientDocument), clientNode, unmet);
    const whole: DocumentNode = { ...clientDocument, definitions: [marked.node] };
    // What is withheld is known at once, and told at once.
    const apart = setResponseNamesApart(marked.isInDeferred ? withoutDefer(whole) : whole, plannerNames);
    const labelled = labelDeferred(apart);
    const [marks] = labelled.document.definitions as readonly [OperationDefinitionNode];
    const planned = withoutWithheld(labelled.document);
    const { indices } = unmet;
    return compile(supergraph, { ...labelled, node: marks, planned, textLength, secured, unmet: indices, withhold });
  };
  return compile(supergraph, { document, node, deferred, planned: document, textLength, secured, unmet: [], withhold });
}

interface Prepared extends Pick<Operation, 'document' | 'node' | 'deferred' | 'secured' | 'unmet' | 'withhold'> {
  /** The document without what is withheld. */
  readonly planned: DocumentNode;
  readonly textLength: number;
}

async function compile(
  supergraph: Supergraph,
  { document, node, deferred, planned, textLength, secured, unmet, withhold }: Prepared,
): Promise<Operation> {
  const { schema } = supergraph;
  const rootType = schema.getRootType(node.operation);
  if (!rootType) throw new GraphQLError(`The schema has no ${node.operation} type.`, { nodes: node });
  const fragments = fragmentsOf(document);
  const plannedNode = planned.definitions[document.definitions.indexOf(node)] as OperationDefinitionNode;
  const plan = await planOf(supergraph, planned, plannedNode);
  const { primary, step } = compilePlan(plan);
  if (node.operation === OperationTypeNode.SUBSCRIPTION && !primary)
    throw new UnsupportedPlan('This subscription selects nothing that can be subscribed to.');
  assertAnswerable(schema, fragments, rootType, plannedNode, [primary, step]);
  const deciding = decidingVariables(document, node);
  const asksAboutSchema = /\b__(schema|type)\b/.test(JSON.stringify(node.selectionSet)) || fragments.size > 0;
  const writers = new Map<string, ResponseWriter>();

  return {
    supergraph,
    document,
    node,
    name: node.name?.value ?? null,
    type: node.operation,
    rootType,
    fragments,
    plan,
    primary,
    step,
    deferred,
    overrideLabels: findOverrideLabels(supergraph, fragments, node),
    secured,
    unmet,
    withhold,
    clientPath: prepareClientPaths(node.selectionSet, fragments),
    estimateCost: prepareCostEstimate(schema, plannedNode, fragments),
    // The document, the plan and the writers are about as large as each other.
    bytes: 2_000 + 40 * textLength + 5 * JSON.stringify(plan).length,
    conditions(variables) {
      if (deciding.size === 0) return NO_CONDITIONS;
      const values = new Map<string, boolean>();
      for (const [name, fallback] of deciding) {
        const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
        values.set(name, given === undefined ? fallback : given === true);
      }
      return values;
    },
    writer(conditions) {
      const key = [...conditions.values()].map(Number).join('');
      let writer = writers.get(key);
      if (!writer) {
        if (writers.size >= MAX_WRITERS) writers.clear();
        writer = compileResponseWriter({ schema, fragments, conditions }, rootType, [node.selectionSet]);
        writers.set(key, writer);
      }
      return writer;
    },
    introspection(conditions) {
      if (!asksAboutSchema) return [];
      return [...collectFields({ schema, fragments, conditions }, rootType, [node.selectionSet]).values()]
        .flat()
        .filter(({ name }) => name.value === '__schema' || name.value === '__type');
    },
  };
}

function fragmentsOf({ definitions }: DocumentNode): Map<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  return fragments;
}

/**
 * Of subscriptions the planner takes no `@defer`, and no condition on the root field. Of others it fails at some `@defer` by
 * an assertion of its own; that is a wish, so they are planned as a whole.
 */
async function planOf(
  supergraph: Supergraph,
  document: DocumentNode,
  node: OperationDefinitionNode,
): Promise<QueryPlan> {
  try {
    return await supergraph.plan(document, node.name?.value);
  } catch (error) {
    if (error instanceof PlanTooExpensive) throw new UnsupportedPlan(error.message);
    if (error instanceof AppError) throw error;
    if (node.operation !== OperationTypeNode.SUBSCRIPTION) {
      const whole = withoutDefer(document);
      if (whole === document) throw error;
      return supergraph.plan(whole, node.name?.value);
    }
    // The planner's own words may hold names that clients must not know.
    throw new UnsupportedPlan(
      'This subscription is not served: it has @defer, a condition on its root field, or what no subgraph can be asked for.',
      { cause: error },
    );
  }
}

const NO_CONDITIONS: ReadonlyMap<string, boolean> = new Map();

/** Variables in `@skip`, `@include` and `@defer`, with their defaults. */
function decidingVariables(document: DocumentNode, node: OperationDefinitionNode): Map<string, boolean> {
  const names = new Set<string>();
  visit(document, {
    Directive({ name, arguments: args }) {
      if (name.value !== 'skip' && name.value !== 'include' && name.value !== 'defer') return;
      for (const { value } of args ?? []) if (value.kind === Kind.VARIABLE) names.add(value.name.value);
    },
  });
  const deciding = new Map<string, boolean>();
  for (const { variable, defaultValue } of node.variableDefinitions ?? []) {
    const name = variable.name.value;
    if (names.has(name)) deciding.set(name, defaultValue ? valueFromASTUntyped(defaultValue) === true : false);
  }
  return deciding;
}
