import { parse, print } from 'graphql';
import { preparePlannerSchema, type PlannerSchema } from './planner-schema.js';
import { secureSupergraph, type SecurityRequirements } from './security-requirements.js';

/** A supergraph as it is served: what clients see, and what the planner is given in its place. */
export interface PreparedSupergraph {
  readonly sdl: string;
  readonly plannerSdl: string;
  readonly plannerSchema: PlannerSchema;
  readonly requirements: SecurityRequirements;
}

/** @throws GraphQLError when the text is no SDL */
export function prepareSupergraph(text: string): PreparedSupergraph {
  const { supergraphSdl: sdl, requirements } = secureSupergraph(text);
  const plannerSchema = preparePlannerSchema(parse(sdl, { noLocation: true }));
  return { sdl, plannerSdl: print(plannerSchema.document), plannerSchema, requirements };
}
