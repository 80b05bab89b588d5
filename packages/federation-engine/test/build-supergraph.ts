import { Supergraph as ApolloSupergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { BUILD_OPTIONS, describeGraph, PLANNER_CONFIG } from '../src/supergraph/planner/describe-graph.js';
import { planOperation } from '../src/supergraph/planner/plan-operation.js';
import { prepareSupergraph } from '../src/supergraph/planner/prepared-supergraph.js';
import { toSupergraph, type Supergraph } from '../src/supergraph/supergraph.js';

/** Builds a supergraph as the engine does, with the planner in this thread. */
export function buildSupergraph(text: string): Supergraph {
  const prepared = prepareSupergraph(text);
  const planned = ApolloSupergraph.build(prepared.plannerSdl, BUILD_OPTIONS);
  const version = { planner: new QueryPlanner(planned, PLANNER_CONFIG), plannerSchema: prepared.plannerSchema };
  return toSupergraph(describeGraph(planned, prepared), async (operation, operationName, labels) =>
    planOperation(version, operation, operationName, labels),
  );
}
