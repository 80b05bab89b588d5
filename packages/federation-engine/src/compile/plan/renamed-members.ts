import type { FetchDataRewrite } from '@apollo/query-planner';
import { FRAGMENT } from './compile-path.js';
import type { RenamedMembers } from './steps.js';

interface Growing {
  name: string | null;
  readonly inner: Map<string, Growing>;
}

/** Reads what a fetch's rewrites rename; null when that is nothing. */
export function findRenamedMembers(rewrites: readonly FetchDataRewrite[]): RenamedMembers | null {
  const root: Growing = { name: null, inner: new Map() };
  for (const rewrite of rewrites) {
    if (rewrite.kind !== 'KeyRenamer') continue;
    let at = root;
    // The planner gives a name to one field of a fetch only, so types on the way tell nothing more.
    for (const element of rewrite.path) {
      if (element.startsWith(FRAGMENT)) continue;
      let next = at.inner.get(element);
      if (!next) at.inner.set(element, (next = { name: null, inner: new Map() }));
      at = next;
    }
    at.name = rewrite.renameKeyTo;
  }
  return root.inner.size === 0 ? null : root;
}
