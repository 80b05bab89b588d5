import type { ErrorPath } from '../../request/data.js';
import type { Withholding } from '../security/withheld-selections.js';

/** A position that cannot hold what is there, such as null in the place of a non-null type. */
export interface Violation {
  readonly message: string;
  readonly path: ErrorPath;
  /** What was there, for the log: it may be something that clients must not know. */
  readonly found?: string;
  /** Nothing was there, and null may stand there: that is told, as nobody said null. */
  readonly isGap?: true;
  /** Set where the viewer may not see what is there: it is null for them, whatever it is. */
  readonly withheld?: Withholding;
}

/** Of one value. A subgraph can put millions of wrong values into an answer; each that is recorded takes memory, and nobody reads them. */
const MAX_VIOLATIONS = 10_000;

/** What a writer has found that is wrong with its data, and where it stands. */
export interface Run {
  readonly missing: ReadonlySet<object>;
  readonly path: Array<string | number>;
  readonly violations: Violation[];
  /** Violations so far, recorded or not. */
  found: number;
  /** Of those that are not recorded. */
  gapsLeftOut: number;
  withheldLeftOut: number;
  objects: number;
  /** What the last text says, as a value; of writers that build one. */
  made: unknown;
}

export function withhold(run: Run, withheld: Withholding): null {
  record(run, 'The viewer may not see it.', { withheld });
  return null;
}

export function violate(run: Run, message: string, found?: string): void {
  record(run, message, found === undefined ? PLAIN : { found });
}

/** @param before how many violations there were; a null that was passed up from below has been told there */
export function violateNull(run: Run, coordinate: string, before: number): void {
  if (run.found === before) record(run, `Cannot return null for non-nullable field ${coordinate}.`, PLAIN);
}

const PLAIN: Omit<Violation, 'message' | 'path'> = {};
export const GAP: Omit<Violation, 'message' | 'path'> = { isGap: true };

export function record(run: Run, message: string, more: Omit<Violation, 'message' | 'path'>): void {
  run.found += 1;
  if (run.violations.length < MAX_VIOLATIONS) run.violations.push({ message, path: [...run.path], ...more });
  else if (more.isGap) run.gapsLeftOut += 1;
  else if (more.withheld) run.withheldLeftOut += 1;
}

/** What has become null as a whole has no gaps in it. */
export function forgetGaps(run: Run, before: number, gapsBefore: number): void {
  const { violations } = run;
  let kept = before;
  for (let index = before; index < violations.length; index += 1) {
    const violation = violations[index] as Violation;
    if (!violation.isGap) violations[kept++] = violation;
  }
  run.found -= violations.length - kept + run.gapsLeftOut - gapsBefore;
  run.gapsLeftOut = gapsBefore;
  violations.length = kept;
}

export function startRun(missing: ReadonlySet<object>): Run {
  return { missing, path: [], violations: [], found: 0, gapsLeftOut: 0, withheldLeftOut: 0, objects: 0, made: null };
}
