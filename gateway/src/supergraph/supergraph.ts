import { QueryPlanner } from '@apollo/query-planner';
import {
  operationFromDocument,
  ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
  Supergraph as ApolloSupergraph,
} from '@apollo/federation-internals';
import type { QueryPlan } from '@apollo/query-planner';
import { isAbstractType, type DocumentNode, type GraphQLSchema, type GraphQLObjectType } from 'graphql';
import type { IsSubtype } from '../execution/rewrites.js';
import type { SecurityRequirements } from './security-requirements.js';

/** One version of the graph, with everything that is computed from it once. */
export interface Supergraph {
  /** What clients see. */
  readonly schema: GraphQLSchema;
  readonly requirements: SecurityRequirements;
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
  /** By the whole schema: data of subgraphs may be of types that clients do not see. */
  readonly isSubtype: IsSubtype;
  /** @throws GraphQLError when the operation cannot be planned */
  plan(document: DocumentNode, operationName: string | undefined): QueryPlan;
}

export const PLANNER_CONFIG = { incrementalDelivery: { enableDefer: true } } as const;

/** Builds what {@link toSupergraph} takes. @throws GraphQLError when the SDL is no supergraph that this gateway serves */
export function buildPlanner(supergraphSdl: string): QueryPlanner {
  const apollo = ApolloSupergraph.build(supergraphSdl, {
    supportedFeatures: ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
    validateSupergraph: true,
  });
  return new QueryPlanner(apollo, PLANNER_CONFIG);
}

/** Adds to a planner, and the supergraph in it, what the engine needs. */
export function toSupergraph(planner: QueryPlanner, requirements: SecurityRequirements): Supergraph {
  const apollo = planner.supergraph;
  const apiSchema = apollo.apiSchema();
  const whole = apollo.schema.toGraphQLJSSchema();
  const subtypes = new Map<string, boolean>();

  return {
    schema: apiSchema.toGraphQLJSSchema({ includeDefer: true }),
    requirements,
    subgraphs: apollo.subgraphsMetadata(),
    isSubtype(typename, condition) {
      if (typename === condition) return true;
      const key = `${typename} ${condition}`;
      let known = subtypes.get(key);
      if (known === undefined) {
        const type = whole.getType(typename);
        const conditionType = whole.getType(condition);
        known =
          isAbstractType(conditionType) &&
          type !== undefined &&
          whole.isSubType(conditionType, type as GraphQLObjectType);
        // Subgraphs choose type names: what does not exist is not remembered.
        if (type) subtypes.set(key, known);
      }
      return known;
    },
    plan: (document, operationName) =>
      planner.buildQueryPlan(
        operationFromDocument(apiSchema, document, operationName === undefined ? {} : { operationName }),
      ),
  };
}
