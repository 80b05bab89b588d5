import { Supergraph as ApolloSupergraph } from '@apollo/federation-internals';
import { QueryPlanner } from '@apollo/query-planner';
import { prepareSupergraph } from '../src/supergraph/prepared-supergraph.js';
import { BUILD_OPTIONS, PLANNER_CONFIG, toSupergraph, type Supergraph } from '../src/supergraph/supergraph.js';

/** Builds a supergraph as the gateway does, where Apollo's gateway builds the planner. */
export function buildSupergraph(text: string): Supergraph {
  const prepared = prepareSupergraph(text);
  return toSupergraph(
    new QueryPlanner(ApolloSupergraph.build(prepared.plannerSdl, BUILD_OPTIONS), PLANNER_CONFIG),
    prepared,
  );
}
