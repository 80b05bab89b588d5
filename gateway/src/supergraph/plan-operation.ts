import { operationFromDocument } from '@apollo/federation-internals';
import type { QueryPlan, QueryPlanner } from '@apollo/query-planner';
import { parse, type DocumentNode } from 'graphql';
import { nestAliases } from './nest-aliases.js';
import { castToObjects } from './object-casts.js';
import type { PlannerSchema } from './planner-schema.js';
import { restoreCalls } from './restore-calls.js';

export interface PlannedVersion {
  readonly planner: QueryPlanner;
  readonly plannerSchema: PlannerSchema;
}

/** Plans an operation. Returns the plan as JSON. @throws GraphQLError when it cannot be planned */
export function planOperation(
  { planner, plannerSchema }: PlannedVersion,
  text: string,
  operationName: string | undefined,
): string {
  const document = parse(text);
  let plan: QueryPlan;
  try {
    plan = buildPlan(planner, document, operationName);
  } catch (error) {
    const written = castToObjects(document, planner.supergraph.apiSchema().toGraphQLJSSchema());
    if (written === document) throw error;
    plan = buildPlan(planner, written, operationName);
  }
  nestAliases(plan);
  return JSON.stringify(plannerSchema.calls.size === 0 ? plan : restoreCalls(plan, plannerSchema));
}

function buildPlan(planner: QueryPlanner, document: DocumentNode, operationName: string | undefined): QueryPlan {
  const schema = planner.supergraph.apiSchema();
  return planner.buildQueryPlan(
    operationFromDocument(schema, document, operationName === undefined ? {} : { operationName }),
  );
}
