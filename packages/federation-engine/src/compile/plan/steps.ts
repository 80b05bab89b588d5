import type { OperationTypeNode } from 'graphql';
import type { FetchConditions } from '../../supergraph/planner/conditional-requirements.js';

/**
 * A query plan, prepared for many executions: what does not depend on variables or on data has been computed.
 *
 * The kinds are those of Apollo's `QueryPlan`; Flatten has become the path of the fetch that it held.
 */
export type Step = FetchStep | SequenceStep | ParallelStep | ConditionStep | DeferStep;

interface SequenceStep {
  readonly kind: 'sequence';
  readonly steps: readonly Step[];
}

interface ParallelStep {
  readonly kind: 'parallel';
  readonly steps: readonly Step[];
}

interface ConditionStep {
  readonly kind: 'condition';
  /** A Boolean variable of the operation. */
  readonly variable: string;
  readonly ifTrue: Step | null;
  readonly ifFalse: Step | null;
}

export interface DeferStep {
  readonly kind: 'defer';
  readonly primary: { readonly step: Step | null };
  readonly deferred: readonly DeferredPart[];
}

export interface DeferredPart {
  /** Which `@defer` of the operation it is; see `AnswerWriters.part`. */
  readonly name: string;
  /** The client's. */
  readonly label: string | null;
  /** Ids of the fetches of enclosing parts that have to be done before. */
  readonly depends: readonly string[];
  /** Where the part belongs. */
  readonly path: readonly PathStep[];
  readonly step: Step | null;
}

/**
 * One step on the way through data: into a member, to the items of a list, or on where an object is of one of some types. Members and
 * items may be of some types only as well.
 */
export type PathStep =
  | { readonly kind: 'field'; readonly name: string; readonly types: ReadonlySet<string> | null }
  | { readonly kind: 'items'; readonly types: ReadonlySet<string> | null }
  | { readonly kind: 'type'; readonly condition: string; readonly types: ReadonlySet<string> };

/** A change of a member of the objects at a path, where the names or types of a subgraph are not those of the operation. */
export type Rewrite =
  | { readonly kind: 'set'; readonly path: readonly PathStep[]; readonly member: string; readonly value: unknown }
  | { readonly kind: 'rename'; readonly path: readonly PathStep[]; readonly member: string; readonly to: string };

/** What a fetch sends of entities where Boolean variables have these values: the same object for the same values. */
export type Representations = (values: ReadonlyMap<string, boolean>) => RepresentationPlan;

/** How entities become what a fetch sends of them. */
export interface RepresentationPlan {
  /** Of an entity of this type, where that is made of plain members only; null where only its data tell. */
  plain(typename: string): PlainMembers | null;
  /** What is read of any other. */
  readonly required: readonly RequiredOf[];
  /** What is changed in that before it is sent. */
  readonly rewrites: readonly Rewrite[];
}

/** What is read of an object: a member, with what is read of the objects in it, or more where it is of one of some types. */
export type RequiredOf =
  | { readonly kind: 'member'; readonly name: string; readonly inner: readonly RequiredOf[] | null }
  | {
      readonly kind: 'type';
      readonly condition: string;
      readonly types: ReadonlySet<string>;
      readonly inner: readonly RequiredOf[];
    };

/** Members of the entities of one type that make up their representations: entities with equal values there have equal ones. */
export interface PlainMembers {
  readonly typename: string;
  readonly names: readonly string[];
  /** Those whose values are not known beforehand, as that of `__typename` is. */
  readonly varying: readonly string[];
  /** What stands before the value of each of these, as JSON. */
  readonly heads: readonly string[];
  /** What stands behind the last. */
  readonly end: string;
  readonly hasId: boolean;
}

/** A variable of a fetch that takes its value from an object around an entity. */
export interface ContextArgument {
  readonly variable: string;
  /** How many objects further up it is; 0 is the entity itself. */
  readonly levels: number;
  /** From that object to the value; null when that names none. */
  readonly path: readonly PathStep[] | null;
}

/** Members that a fetch has under other names than the answer, by the names on the way to them. */
export interface RenamedMembers {
  /** In the answer; null where it is the same. */
  readonly name: string | null;
  readonly inner: ReadonlyMap<string, RenamedMembers>;
}

export interface FetchStep {
  readonly kind: 'fetch';
  /** Set when deferred parts depend on it. */
  readonly id: string | null;
  readonly subgraph: string;
  readonly type: OperationTypeNode;
  readonly operation: string;
  readonly operationName: string | undefined;
  /** The beginning of the request's body, up to the values of its variables. */
  readonly bodyHead: string;
  /** The same up to its representations, or whole, where it has no variables; null otherwise. */
  readonly fixedHead: string | null;
  /** Names of the operation's variables that the fetch uses. */
  readonly variables: readonly string[];
  /** Where its results go; the root when empty. */
  readonly path: readonly PathStep[];
  /** Other places whose entities are sent with these: see `join-fetches.ts`. */
  readonly alsoAt: ReadonlyArray<{
    readonly path: readonly PathStep[];
    /** Whether equal entities there may become one. */
    readonly sharesTargets: boolean;
  }>;
  /** Response names of the fetch's own root fields: what is lost with it. */
  readonly rootNames: readonly string[];
  /** Response names of what it asks of the objects that it fills: nothing else that comes is taken. */
  readonly members: ReadonlySet<string>;
  /** What it sends of each entity; null for a fetch of root fields. */
  readonly representations: Representations | null;
  /** What Boolean variables say about it; null when nothing. */
  readonly conditions: FetchConditions | null;
  readonly outputRewrites: readonly Rewrite[];
  /** What the output rewrites rename; null when nothing. */
  readonly renamed: RenamedMembers | null;
  /** Which variables take their values from objects around an entity, and from which members. */
  readonly contexts: readonly ContextArgument[];
  /** What may stand at several places of the answer as one object; see `compile-plan.ts`. */
  readonly sharing: Sharing;
}

interface Sharing {
  /** Whether the entities that the fetch fills may: equal ones become one. */
  readonly targets: boolean;
  /** Whether an object that it brings may, under this name, for several entities that it fills. */
  readonly mayShare: (name: string) => boolean;
}
