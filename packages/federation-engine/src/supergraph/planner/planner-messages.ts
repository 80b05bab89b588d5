import type { CostDirectives } from './cost-directives.js';
import type { SecurityCondition } from './security-requirements.js';

/** What main needs of a version of the graph; everything in it can be sent to another thread. */
export interface GraphDescription {
  /** What clients see. */
  readonly apiSdl: string;
  /** Types below each abstract type of the whole schema: data of subgraphs may be of types that clients do not see. */
  readonly subtypes: ReadonlyArray<readonly [abstractType: string, typenames: readonly string[]]>;
  /** Interfaces that some subgraph takes for an object type. */
  readonly interfaceObjects: readonly string[];
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
  /** Labels of `@override` that decide about a field or a type's keys, by coordinate. */
  readonly overrides: ReadonlyArray<readonly [coordinate: string, labels: readonly string[]]>;
  readonly plannerNames: readonly string[];
  readonly costs: CostDirectives;
  readonly requirements: {
    readonly conditions: readonly SecurityCondition[];
    readonly byCoordinate: ReadonlyArray<readonly [coordinate: string, conditions: readonly number[]]>;
  };
}

/** What the planner is asked. It takes one thing after the other, in the order in which they come. */
export type PlannerQuestion =
  /** The version is kept until it is released. */
  | { readonly kind: 'load'; readonly version: number; readonly supergraph: string }
  | {
      readonly kind: 'plan';
      readonly version: number;
      readonly text: string;
      readonly operationName: string | undefined;
      /** Of `@override`, those that hold; none when not set. */
      readonly labels?: readonly string[];
    };

/** A question as it is sent. The answer comes with the same id. */
export type PlannerRequest = PlannerQuestion & { readonly id: number };

/** To the planner. */
export type PlannerMessage =
  | PlannerRequest
  /** The version is planned for no more; it has no answer. */
  | { readonly kind: 'release'; readonly version: number };

/** From the planner. */
export type PlannerAnswer =
  | { readonly id: number; readonly kind: 'loaded'; readonly description: GraphDescription }
  /** The plan as JSON: a text is cheaper to send than its objects. */
  | { readonly id: number; readonly kind: 'planned'; readonly plan: string }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string };
