import type { CachePolicy } from '../subgraphs/cache-policy.js';
import type { CancelSignal } from '../request/cancellation.js';
import type { OperationContext } from '../request/context.js';
import type { ClientPath } from '../compile/plan/client-paths.js';
import type { ExecutionError } from './fetch-errors.js';
import type { KeepsTypename } from '../supergraph/supergraph.js';
import type { IsSubtype } from '../supergraph/supergraph.js';
import type { SubgraphClient } from '../subgraphs/subgraph-client.js';
import type { Addressed } from '../subgraphs/subgraphs.js';
import type { Data } from '../request/data.js';

/** One run of a plan. */
export interface Execution {
  /** The answer as it grows: merged data of all fetches, with what the planner asked for beside what the client did. */
  readonly root: Data;
  /** Objects that stand at several places of the answer. */
  readonly shared: Set<object>;
  /** Entities that a subgraph was asked for and does not have. */
  readonly missing: Set<object>;
  readonly errors: ExecutionError[];
  /** Of what has come so far, as `isPlain` and `isAscii` of an answer tell. */
  readonly texts: { arePlain: boolean; areAscii: boolean };
  /** The version of the graph that the operation was compiled for: it is fetched for at its addresses. */
  readonly graph: Addressed;
  /** As the client sent them: subgraphs know the defaults. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Boolean variables that decide about steps and selections. */
  readonly conditions: ReadonlyMap<string, boolean>;
  /** Whether the operation selects what takes a token to see. */
  readonly isGuarded: boolean;
  readonly context: OperationContext;
  readonly client: SubgraphClient;
  readonly isSubtype: IsSubtype;
  readonly keepsTypename: KeepsTypename | null;
  readonly clientPath: ClientPath;
  /** Aborts when the client goes away or the operation's time is up. */
  readonly signal: CancelSignal;
  report(errors: readonly ExecutionError[]): void;
  /** Narrows how long the answer may be kept by what one fetch says. */
  restrict(policy: CachePolicy | null): void;
  /** Of everything that has been fetched; null when the answer must not be kept. */
  cachePolicy(): CachePolicy | null;
  /** Set while deferred parts are wanted: called with the id of each fetch that is done. */
  readonly fetched?: (id: string) => void;
}
