import { operationFromDocument } from '@apollo/federation-internals';
import type { QueryPlan, QueryPlanner } from '@apollo/query-planner';
import { parse, type DocumentNode } from 'graphql';
import { markConditions } from './conditional-requirements.js';
import { nestAliases } from './nest-aliases.js';
import { castToObjects } from './object-casts.js';
import type { PlannerSchema } from './planner-schema.js';
import { restoreCalls } from './restore-calls.js';

export interface PlannedVersion {
  readonly planner: QueryPlanner;
  readonly plannerSchema: PlannerSchema;
}

/** Plans an operation, where these labels of `@override` hold. Returns the plan as JSON. @throws GraphQLError when it cannot be planned */
export function planOperation(
  { planner, plannerSchema }: PlannedVersion,
  text: string,
  operationName: string | undefined,
  labels: readonly string[],
): string {
  const document = parse(text);
  let plan: QueryPlan;
  try {
    plan = buildPlan(planner, document, operationName, labels);
  } catch (error) {
    const written = castToObjects(document, planner.supergraph.apiSchema().toGraphQLJSSchema());
    if (written === document) throw error;
    plan = buildPlan(planner, written, operationName, labels);
  }
  nestAliases(plan);
  const restored = plannerSchema.calls.size === 0 ? plan : restoreCalls(plan, plannerSchema);
  markConditions(restored, plannerSchema);
  return JSON.stringify(restored);
}

function buildPlan(
  planner: QueryPlanner,
  document: DocumentNode,
  operationName: string | undefined,
  labels: readonly string[],
): QueryPlan {
  const schema = planner.supergraph.apiSchema();
  return planner.buildQueryPlan(
    operationFromDocument(schema, document, operationName === undefined ? {} : { operationName }),
    { overrideConditions: new Map(labels.map((label) => [label, true])) },
  );
}
