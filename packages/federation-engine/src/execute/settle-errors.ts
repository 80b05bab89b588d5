import type { ExecutionError } from './fetch-errors.js';
import type { Violation } from '../compile/write/writer-run.js';
import type { ErrorPath } from '../request/data.js';

interface Settled {
  readonly errors: readonly ExecutionError[];
  /** What no error explains. */
  readonly violations: readonly Violation[];
}

const NOTHING: Settled = { errors: [], violations: [] };

/**
 * Settles what a client is told: every error of subgraphs, and of the positions that could not hold what came those that no
 * error explains (GraphQL specification, "Handling Execution Errors": one error for each field).
 *
 * An error explains the position that it is told of, what is below it, and what is above it: null is passed up. What is withheld is told whatever else is.
 */
export function settleErrors(errors: readonly ExecutionError[], violations: readonly Violation[]): Settled {
  if (errors.length === 0) return violations.length === 0 ? NOTHING : { errors, violations };
  const told: ExecutionError[] = [];
  const spares = new Map<string, ExecutionError>();
  const explained = new Explained();
  for (const error of errors) {
    const { path, isSpare } = error;
    if (isSpare && path) spares.set(JSON.stringify(path), error);
    else told.push(error);
    if (path && !isSpare) explained.add(path);
  }
  if (violations.length === 0) return { errors: told, violations };

  const left: Violation[] = [];
  for (const violation of violations) {
    if (violation.withheld) {
      left.push(violation);
      continue;
    }
    if (explained.has(violation.path)) continue;
    const spare = spares.size === 0 ? undefined : findSpare(spares, violation.path);
    if (spare?.path) {
      explained.add(spare.path);
      told.push(spare);
    } else left.push(violation);
  }
  return { errors: told, violations: left };
}

function findSpare(spares: ReadonlyMap<string, ExecutionError>, path: ErrorPath): ExecutionError | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const spare = spares.get(JSON.stringify(path.slice(0, length)));
    if (spare) return spare;
  }
  return undefined;
}

/** Positions of an answer, as a tree. */
interface Place {
  isTold: boolean;
  readonly inner: Map<string | number, Place>;
}

class Explained {
  readonly #root: Place = { isTold: false, inner: new Map() };

  add(path: ErrorPath): void {
    let place = this.#root;
    for (const element of path) {
      let next = place.inner.get(element);
      if (!next) place.inner.set(element, (next = { isTold: false, inner: new Map() }));
      place = next;
    }
    place.isTold = true;
  }

  /** Whether an error is told at this position, above it or below it. */
  has(path: ErrorPath): boolean {
    let place = this.#root;
    for (const element of path) {
      if (place.isTold) return true;
      const next = place.inner.get(element);
      if (!next) return false;
      place = next;
    }
    return true;
  }
}
