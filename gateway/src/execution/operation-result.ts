import type { CachePolicy } from '../caching/cache-policy.js';
import type { ExecutionError } from './fetch-errors.js';
import type { Violation } from './response-writer.js';
import type { ErrorPath } from './targets.js';

/** The answer to an operation, as JSON text and errors that have not passed the gateway's door yet. */
export interface OperationResult {
  /** `null` when null reached the root. */
  readonly data: string;
  readonly errors: readonly ExecutionError[];
  /** Positions that could not hold what came and that no error explains. */
  readonly violations: readonly Violation[];
  /** Objects in the answer. */
  readonly objects: number;
  /** How long the answer may be kept; null for not at all. */
  readonly cachePolicy: CachePolicy | null;
  /** Further parts of the answer; null when this is all of it. */
  readonly rest: AsyncIterable<IncrementalPart> | null;
}

/** A part of the answer that comes later: what one `@defer` selects, at one place. */
export interface IncrementalPart {
  readonly label: string | null;
  readonly path: ErrorPath;
  readonly data: string;
  readonly errors: readonly ExecutionError[];
  readonly violations: readonly Violation[];
}
