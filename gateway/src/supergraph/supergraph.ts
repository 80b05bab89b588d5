import {
  operationFromDocument,
  ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
  Supergraph as ApolloSupergraph,
} from '@apollo/federation-internals';
import type { QueryPlan, QueryPlanner } from '@apollo/query-planner';
import { isAbstractType, type DocumentNode, type GraphQLSchema, type GraphQLObjectType } from 'graphql';
import type { IsSubtype } from '../execution/rewrites.js';
import { findPlannerNames } from './planner-names.js';
import type { PreparedSupergraph } from './prepared-supergraph.js';
import { restoreCalls } from './restore-calls.js';
import type { SecurityRequirements } from './security-requirements.js';

/** One version of the graph, with everything that is computed from it once. */
export interface Supergraph {
  /** What clients see. */
  readonly schema: GraphQLSchema;
  readonly requirements: SecurityRequirements;
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
  /** By the whole schema: data of subgraphs may be of types that clients do not see. */
  readonly isSubtype: IsSubtype;
  /** Names of fields that the planner asks for on its own account. */
  readonly plannerNames: ReadonlySet<string>;
  /** @throws GraphQLError when the operation cannot be planned */
  plan(document: DocumentNode, operationName: string | undefined): QueryPlan;
}

export const PLANNER_CONFIG = { incrementalDelivery: { enableDefer: true } } as const;
export const BUILD_OPTIONS = { supportedFeatures: ROUTER_SUPPORTED_SUPERGRAPH_FEATURES, validateSupergraph: true };

/** Adds to a planner, and the supergraph in it, what the engine needs. The planner is that of `prepared.plannerSdl`. */
export function toSupergraph(planner: QueryPlanner, prepared: PreparedSupergraph): Supergraph {
  const { plannerSchema, requirements } = prepared;
  const planned = planner.supergraph;
  // Clients do not see what is there for the planner only.
  const apollo = plannerSchema.calls.size === 0 ? planned : ApolloSupergraph.build(prepared.sdl, BUILD_OPTIONS);
  const plannedApi = planned.apiSchema();
  const whole = apollo.schema.toGraphQLJSSchema();
  const subtypes = new Map<string, boolean>();

  return {
    schema: apollo.apiSchema().toGraphQLJSSchema({ includeDefer: true }),
    requirements,
    plannerNames: findPlannerNames(plannerSchema.document),
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
    plan(document, operationName) {
      const operation = operationFromDocument(
        plannedApi,
        document,
        operationName === undefined ? {} : { operationName },
      );
      const plan = planner.buildQueryPlan(operation);
      return plannerSchema.calls.size === 0 ? plan : restoreCalls(plan, plannerSchema);
    },
  };
}
