import type { Rewrite } from '../compile/plan/steps.js';
import { own, type Data } from '../request/data.js';
import { walkPlaces } from './walk-places.js';

/**
 * Applies the planner's rewrites to data in place, to an object or to all of a list: it renames members and sets values, where a
 * subgraph's names or types are not those of the operation (aliases for conflicting arguments, interface objects).
 */
export function applyRewrites(rewrites: readonly Rewrite[], data: object): void {
  for (const rewrite of rewrites) walkPlaces(data, rewrite.path, (object) => change(rewrite, object));
}

function change(rewrite: Rewrite, object: Data): void {
  const { member } = rewrite;
  if (rewrite.kind === 'set') {
    object[member] = rewrite.value;
    return;
  }
  const value = own(object, member);
  if (value === undefined) return;
  object[rewrite.to] = value;
  delete object[member];
}
