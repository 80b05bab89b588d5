import { operationFromDocument } from '@apollo/federation-internals';
import type { QueryPlanner } from '@apollo/query-planner';
import { parse } from 'graphql';
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
  const operation = operationFromDocument(
    planner.supergraph.apiSchema(),
    parse(text),
    operationName === undefined ? {} : { operationName },
  );
  const plan = planner.buildQueryPlan(operation);
  return JSON.stringify(plannerSchema.calls.size === 0 ? plan : restoreCalls(plan, plannerSchema));
}
