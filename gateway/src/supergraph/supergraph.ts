import { QueryPlanner } from '@apollo/query-planner';
import {
  operationFromDocument,
  ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
  Supergraph as ApolloSupergraph,
} from '@apollo/federation-internals';
import type { QueryPlan } from '@apollo/query-planner';
import { isAbstractType, parse, type DocumentNode, type GraphQLSchema, type GraphQLObjectType } from 'graphql';
import type { IsSubtype } from '../execution/rewrites.js';
import { findPlannerNames } from './planner-names.js';
import { preparePlannerSchema } from './planner-schema.js';
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

const BUILD_OPTIONS = { supportedFeatures: ROUTER_SUPPORTED_SUPERGRAPH_FEATURES, validateSupergraph: true };

/** @throws GraphQLError when the SDL is no supergraph that this gateway serves */
export function buildSupergraph(supergraphSdl: string, requirements: SecurityRequirements): Supergraph {
  const plannerSchema = preparePlannerSchema(parse(supergraphSdl, { noLocation: true }));
  const planned = ApolloSupergraph.build(plannerSchema.document, BUILD_OPTIONS);
  // Clients do not see what is there for the planner only.
  const apollo = plannerSchema.calls.size === 0 ? planned : ApolloSupergraph.build(supergraphSdl, BUILD_OPTIONS);
  const plannedApi = planned.apiSchema();
  const planner = new QueryPlanner(planned, { incrementalDelivery: { enableDefer: true } });
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
