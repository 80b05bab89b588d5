import type { QueryPlan } from '@apollo/query-planner';
import { buildASTSchema, parse, print, type DocumentNode, type GraphQLSchema } from 'graphql';
import { compactTexts } from '../request/compact-texts.js';
import type { CostDirectives } from './planner/cost-directives.js';
import type { GraphDescription } from './planner/planner-messages.js';
import type { SecurityRequirements } from './planner/security-requirements.js';

/** Tells whether an object of type `typename` fulfils a type condition, by the supergraph's schema. */
export type IsSubtype = (typename: string, condition: string) => boolean;

/** Names of the types that fulfil a type condition, the condition's own included. */
export type TypesWithin = (condition: string) => ReadonlySet<string>;

/**
 * Tells whether an object keeps the type's name that it has when another is brought. Null where no subgraph names a type
 * that says less than what is known.
 */
export type KeepsTypename = (present: unknown, brought: unknown) => boolean;

/** One version of the graph, with everything that is computed from it once. */
export interface Supergraph {
  /** What clients see. */
  readonly schema: GraphQLSchema;
  readonly requirements: SecurityRequirements;
  readonly costs: CostDirectives;
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
  /** By the whole schema: data of subgraphs may be of types that clients do not see. */
  readonly isSubtype: IsSubtype;
  /** By the same. */
  readonly typesWithin: TypesWithin;
  /**
   * A subgraph with an `@interfaceObject` names the interface where it means one of its types: what is known better stays. Null
   * where there is none.
   */
  readonly keepsTypename: KeepsTypename | null;
  /** Names of fields that the planner asks for on its own account. */
  readonly plannerNames: ReadonlySet<string>;
  /** Labels of `@override` that decide about a field or a type's keys, by coordinate. */
  readonly overrides: ReadonlyMap<string, readonly string[]>;
  /** The same graph, planned for as it is where these labels of `@override` hold; of itself, none holds. */
  labelled(labels: readonly string[]): Supergraph;
  /** @throws when the operation cannot be planned; Fault UNAVAILABLE when the planner is away or has too much to do */
  plan(document: DocumentNode, operationName: string | undefined, client?: string): Promise<QueryPlan>;
}

/** Plans an operation for one version of the graph. Returns the plan as JSON. */
type PlanText = (
  text: string,
  operationName: string | undefined,
  labels: readonly string[],
  client?: string,
) => Promise<string>;

export function toSupergraph(description: GraphDescription, planText: PlanText): Supergraph {
  const { apiSdl, subgraphs, plannerNames, requirements, costs } = description;
  const subtypes = new Map(description.subtypes.map(([name, typenames]) => [name, new Set(typenames)]));
  const interfaceObjects = new Set<unknown>(description.interfaceObjects);
  const isSubtype: IsSubtype = (typename, condition) =>
    typename === condition || subtypes.get(condition)?.has(typename) === true;
  const keepsTypename: KeepsTypename = (present, brought) =>
    interfaceObjects.has(brought) && typeof present === 'string' && !isSubtype(brought as string, present);
  const planFor = (labels: readonly string[]): Supergraph['plan'] => {
    return async (document, operationName, client) =>
      JSON.parse(await planText(print(document), operationName, labels, client)) as QueryPlan;
  };
  const supergraph: Supergraph = {
    // It was printed from a valid schema.
    schema: buildASTSchema(compactTexts(parse(apiSdl, { noLocation: true })), { assumeValid: true }),
    costs,
    requirements: { conditions: requirements.conditions, byCoordinate: new Map(requirements.byCoordinate) },
    subgraphs,
    plannerNames: new Set(plannerNames),
    isSubtype,
    typesWithin: (condition) => new Set([condition, ...(subtypes.get(condition) ?? [])]),
    keepsTypename: interfaceObjects.size === 0 ? null : keepsTypename,
    overrides: new Map(description.overrides),
    plan: planFor([]),
    labelled: (labels) => ({ ...supergraph, plan: planFor(labels) }),
  };
  return supergraph;
}
