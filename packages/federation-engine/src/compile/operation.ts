import type { QueryPlan } from '@apollo/query-planner';
import type { OperationTypeNode } from 'graphql';
import type { Supergraph } from '../supergraph/supergraph.js';
import type { SubgraphCosts } from './cost/subgraph-costs.js';
import type { Introspection } from './introspection.js';
import type { EntityNames } from './entity-names.js';
import type { ClientPath } from './plan/client-paths.js';
import type { FetchStep, Step } from './plan/steps.js';
import type { OperationFacts, ValidOperation } from './valid-operation.js';
import type { AnswerWriters } from './write/answer-writers.js';

/** What it takes to run an operation, any number of times: data and writers. A run reads no document, no schema and no plan of Apollo's. */
export interface CompiledOperation {
  readonly type: `${OperationTypeNode}`;
  /** The version that it was compiled for. */
  readonly graph: Pick<Supergraph, 'subgraphs' | 'isSubtype' | 'keepsTypename'>;
  /** The name of the root's type. */
  readonly rootType: string;
  /** The Boolean variables that decide about steps and selections, with their defaults. */
  readonly deciding: ReadonlyMap<string, boolean>;
  /** Whether it selects what takes a token to see. */
  readonly isGuarded: boolean;
  /** What is subscribed to; null for queries and mutations. */
  readonly primary: FetchStep | null;
  /** What is fetched: of a subscription, for each of its events. Null when nothing has to be. */
  readonly step: Step | null;
  /** What it asks about the schema; null where that is nothing. */
  readonly introspection: Introspection | null;
  /** Where an error is told to the client. */
  readonly clientPath: ClientPath;
  /** What its answer may name. */
  readonly entityNames: EntityNames;
  readonly writers: AnswerWriters;
}

/** An operation of a client with what was made of it: what decides about it, what is told of it, and what is run. */
export interface Operation extends OperationFacts {
  /** As its client wrote it, with what is withheld from its viewers. */
  readonly base: ValidOperation;
  /** For people who read it. */
  readonly plan: QueryPlan;
  /** The conditions that its viewers do not meet; what asks for them is withheld. */
  readonly unmet: readonly number[];
  readonly subgraphCosts: SubgraphCosts;
  readonly compiled: CompiledOperation;
  /** About what memory it takes. */
  readonly bytes: number;
}
