import type { CachePolicy } from '../subgraphs/cache-policy.js';
import type { ExecutionError } from './fetch-errors.js';
import type { Violation } from '../compile/write/writer-run.js';
import type { ErrorPath } from '../request/data.js';

/** The answer to an operation, as JSON text and errors that no client may see as they are: see `client-errors.ts`. */
export interface OperationResult {
  /** `null` when null reached the root. */
  readonly data: string;
  /** Whether `data` is known to have no character beyond ASCII. */
  readonly isAscii: boolean;
  /** The same as a value, made when it is asked for. */
  readonly value: () => unknown;
  readonly errors: readonly ExecutionError[];
  /** Positions that could not hold what came and that no error explains. */
  readonly violations: readonly Violation[];
  /** Such positions beyond those. */
  readonly leftOut: number;
  /** Objects in the answer. */
  readonly objects: number;
  /** How long the answer may be kept, and for whom, if it has no errors; null for not at all. */
  readonly cachePolicy: CachePolicy | null;
  /** Further parts of the answer; null when this is all of it. */
  readonly rest: LaterParts | null;
}

/** The parts of an answer after its first, each as soon as it is there. */
export interface LaterParts extends AsyncIterable<IncrementalPart> {
  /** What is known to come when the first part is there. */
  readonly pending: readonly PendingPart[];
  /** Nobody reads them any more: the end comes at once. */
  leave(): void;
}

/** A part that is announced: what one `@defer` selects, at one place. */
export interface PendingPart {
  /** Of this answer only. */
  readonly id: string;
  readonly label: string | null;
  readonly path: ErrorPath;
}

/** A part of the answer that comes later: what one `@defer` selects, at one place. */
export interface IncrementalPart extends PendingPart {
  /** `null` when it cannot be there. */
  readonly data: string;
  /** Conditions have left out all that is in it, or all of it is put off further. */
  readonly isEmpty: boolean;
  /** What is known to come from here on. */
  readonly pending: readonly PendingPart[];
  readonly errors: readonly ExecutionError[];
  readonly violations: readonly Violation[];
  /** Such positions beyond those. */
  readonly leftOut: number;
}
