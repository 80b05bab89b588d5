import { ROUTER_SUPPORTED_SUPERGRAPH_FEATURES, Supergraph as ApolloSupergraph } from '@apollo/federation-internals';
import {
  isAbstractType,
  isInterfaceType,
  isObjectType,
  Kind,
  printSchema,
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
} from 'graphql';
import { readCostDirectives } from './cost-directives.js';
import { readOverrideDirectives } from './override-directives.js';
import { findPlannerNames } from './planner-names.js';
import type { GraphDescription } from './planner-messages.js';
import type { PreparedSupergraph } from './prepared-supergraph.js';
import { assertKnownGuards } from './security-features.js';
import { collectRequirements } from './security-requirements.js';

export const PLANNER_CONFIG = {
  incrementalDelivery: { enableDefer: true },
  // The engine sends the text.
  exposeDocumentNodeInFetchNode: false,
} as const;
export const BUILD_OPTIONS = { supportedFeatures: ROUTER_SUPPORTED_SUPERGRAPH_FEATURES, validateSupergraph: true };

/**
 * Tells what the engine needs of a supergraph. `planned` is built of its `plannerSdl`.
 *
 * @throws when something guards it that is not known here
 */
export function describeGraph(planned: ApolloSupergraph, prepared: PreparedSupergraph): GraphDescription {
  const { plannerSchema } = prepared;
  // Clients do not see what is there for the planner only.
  const apollo = plannerSchema.calls.size === 0 ? planned : ApolloSupergraph.build(prepared.sdl, BUILD_OPTIONS);
  assertKnownGuards(apollo.schema);
  const { conditions, byCoordinate } = collectRequirements(apollo.schema);
  const api = apollo.apiSchema();
  return {
    apiSdl: printSchema(api.toGraphQLJSSchema({ includeDefer: true })),
    subtypes: subtypesOf(apollo.schema.toGraphQLJSSchema()),
    interfaceObjects: findInterfaceObjects(plannerSchema.document),
    subgraphs: apollo.subgraphsMetadata().map(({ name, url }) => ({ name, url })),
    overrides: readOverrideDirectives(plannerSchema.document),
    plannerNames: [...findPlannerNames(plannerSchema.document)],
    costs: readCostDirectives(apollo.schema, api),
    requirements: { conditions, byCoordinate: [...byCoordinate] },
  };
}

function findInterfaceObjects({ definitions }: DocumentNode): string[] {
  return definitions.flatMap((definition) =>
    definition.kind === Kind.INTERFACE_TYPE_DEFINITION && definition.directives?.some(isInterfaceObject)
      ? [definition.name.value]
      : [],
  );
}

function isInterfaceObject({ name, arguments: args }: ConstDirectiveNode): boolean {
  return (
    name.value === 'join__type' &&
    args?.some(
      ({ name: argument, value }) =>
        argument.value === 'isInterfaceObject' && value.kind === Kind.BOOLEAN && value.value,
    ) === true
  );
}

function subtypesOf(schema: GraphQLSchema): Array<[string, string[]]> {
  const types = Object.values(schema.getTypeMap());
  const candidates = types.filter((type) => isObjectType(type) || isInterfaceType(type));
  return types
    .filter(isAbstractType)
    .map((type) => [
      type.name,
      candidates.filter((candidate) => schema.isSubType(type, candidate)).map(({ name }) => name),
    ]);
}
