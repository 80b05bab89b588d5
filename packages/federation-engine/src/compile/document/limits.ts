import type { Refusal } from '../../request/refusal.js';
import { refusalOf } from '../../request/refusal.js';

/** What a document may be, before anything is computed from it: each limit is a setting, whose default is far above what people write. */
export interface DocumentLimits {
  /** Lexical tokens. */
  readonly maxTokens: number;
  /** Levels of selection sets, spread fragments included, and of lists and objects in arguments. */
  readonly maxDepth: number;
  /** Operations and fragments. */
  readonly maxDefinitions: number;
  readonly maxDirectives: number;
  /** Fields and fragments, those of spread fragments included. */
  readonly maxSelections: number;
  /** Those of spread fragments included. */
  readonly maxAliases: number;
  /** Of one operation, by response name. */
  readonly maxRootFields: number;
  /** What validation compares to tell that fields of one response name are alike; see `measure-overlap.ts`. */
  readonly maxOverlap: number;
}

/** Why a document is refused: the `reason` of an `OPERATION_REJECTED`. */
export type LimitReason =
  | 'TOO_MANY_TOKENS'
  | 'TOO_DEEP'
  | 'TOO_MANY_DEFINITIONS'
  | 'TOO_MANY_DIRECTIVES'
  | 'TOO_MANY_SELECTIONS'
  | 'TOO_MANY_ALIASES'
  | 'TOO_MANY_ROOT_FIELDS'
  | 'TOO_MUCH_OVERLAP';

/** The refusal of what is over a limit. */
export function overLimit(reason: LimitReason, message: string): Refusal {
  return refusalOf('OPERATION_REJECTED', [{ message, extensions: { reason } }]);
}
