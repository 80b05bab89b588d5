import { Supergraph as ApolloSupergraph } from '@apollo/federation-internals';
import { QueryPlanner, type QueryPlan } from '@apollo/query-planner';
import { createCostModel } from '@taskgraph/federation-engine/internal/compile/cost/cost-model.js';
import { validateOperation } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';
import {
  BUILD_OPTIONS,
  describeGraph,
  PLANNER_CONFIG,
} from '@taskgraph/federation-engine/internal/supergraph/planner/describe-graph.js';
import { planOperation } from '@taskgraph/federation-engine/internal/supergraph/planner/plan-operation.js';
import { prepareSupergraph } from '@taskgraph/federation-engine/internal/supergraph/planner/prepared-supergraph.js';
import { toSupergraph } from '@taskgraph/federation-engine/internal/supergraph/supergraph.js';
import { visitFetches } from '@taskgraph/federation-engine/internal/supergraph/planner/visit-fetches.js';
import { print, validate, type GraphQLSchema } from 'graphql';
import { budgetOf, type Budget } from '../budget.js';
import type { ClientOperation } from '../clients/client-operation.js';
import type { Finding, OperationFigures } from '../finding.js';
import { placeOf } from '../graph/place.js';

/**
 * Validates and plans each operation on a supergraph, as the engine does, and holds its fetches and its cost against the budget.
 *
 * @param before the API that clients have known so far: recorded operations that were not valid there either are nobody's news
 */
export function checkOperations(
  supergraphSdl: string,
  operations: readonly ClientOperation[],
  budget: Budget,
  before: GraphQLSchema | null,
): { readonly findings: Finding[]; readonly figures: OperationFigures[] } {
  const prepared = prepareSupergraph(supergraphSdl);
  const planned = ApolloSupergraph.build(prepared.plannerSdl, BUILD_OPTIONS);
  const version = { planner: new QueryPlanner(planned, PLANNER_CONFIG), plannerSchema: prepared.plannerSchema };
  const supergraph = toSupergraph(describeGraph(planned, prepared), () =>
    Promise.reject(new Error('operations are planned below')),
  );
  const costs = createCostModel(supergraph.schema, supergraph.costs, budget.assumedListSize);
  const findings: Finding[] = [];
  const figures: OperationFigures[] = [];
  for (const operation of operations) {
    const { name, client, document, place, isRegistered } = operation;
    const about = { check: 'operations' as const, severity: 'error' as const };
    const usedBy = [{ operation: name, client, place }];
    const faults = validate(supergraph.schema, document);
    if (faults.length > 0) {
      if (!isRegistered && (before === null || validate(before, document).length > 0)) continue;
      for (const { message, nodes } of faults)
        findings.push({
          ...about,
          code: 'INVALID_OPERATION',
          message: `${name} of ${client}: ${message}`,
          place: (operation.isFile ? placeOf(nodes?.[0]) : undefined) ?? place,
          usedBy,
        });
      continue;
    }
    try {
      const { cost } = validateOperation(supergraph, document, undefined, { costs, introspection: true });
      const plan = JSON.parse(planOperation(version, print(document), undefined, [])) as QueryPlan;
      const own = budgetOf(budget, name);
      const one = { operation: name, client, fetches: countFetches(plan), cost: cost.estimate(own.variables) };
      figures.push(one);
      for (const what of ['fetches', 'cost'] as const)
        if (one[what] > own[what])
          findings.push({
            ...about,
            code: what === 'fetches' ? 'TOO_MANY_FETCHES' : 'TOO_EXPENSIVE',
            message: `${name} of ${client} has ${what} ${one[what]}; the budget is ${own[what]}`,
            place,
            usedBy,
          });
    } catch (error) {
      const message = `${name} of ${client} cannot be planned: ${(error as Error).message}`;
      findings.push({ ...about, code: 'UNPLANNABLE_OPERATION', message, place, usedBy });
    }
  }
  return { findings, figures };
}

function countFetches({ node }: QueryPlan): number {
  let count = 0;
  if (node) visitFetches(node, () => void (count += 1));
  return count;
}
