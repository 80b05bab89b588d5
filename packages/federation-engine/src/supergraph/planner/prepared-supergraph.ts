import { parse, print } from 'graphql';
import { preparePlannerSchema, type PlannerSchema } from './planner-schema.js';
import { withoutServedPurposes } from './security-features.js';

/** A supergraph as it is served: what clients see, and what the planner is given in its place. */
export interface PreparedSupergraph {
  readonly sdl: string;
  readonly plannerSdl: string;
  readonly plannerSchema: PlannerSchema;
}

/** @throws GraphQLError when the text is no SDL */
export function prepareSupergraph(text: string): PreparedSupergraph {
  const document = parse(text, { noLocation: true });
  const unmarked = withoutServedPurposes(document);
  const plannerSchema = preparePlannerSchema(unmarked);
  const sdl = unmarked === document ? text : print(unmarked);
  return { sdl, plannerSdl: print(plannerSchema.document), plannerSchema };
}
