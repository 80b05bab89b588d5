import type { FetchDataRewrite } from '@apollo/query-planner';
import type { IsSubtype } from '../supergraph/supergraph.js';
import { own, type Data } from '../request/data.js';

/** Begins an element of a path that is a type condition. */
export const FRAGMENT = '... on ';

/** Whether an object meets a type condition, as far as its data tell. */
export function meets(object: Data, condition: string, isSubtype: IsSubtype): boolean {
  const typename = object['__typename'];
  return typeof typename !== 'string' || isSubtype(typename, condition.slice(FRAGMENT.length));
}

/**
 * Applies the planner's rewrites to data in place: it renames members and sets values, where a subgraph's names or types
 * are not those of the operation (aliases for conflicting arguments, interface objects).
 */
export function applyRewrites(rewrites: readonly FetchDataRewrite[], data: unknown, isSubtype: IsSubtype): void {
  for (const rewrite of rewrites) applyAt(rewrite, 0, data, isSubtype);
}

function applyAt(rewrite: FetchDataRewrite, depth: number, value: unknown, isSubtype: IsSubtype): void {
  if (Array.isArray(value)) {
    for (const item of value) applyAt(rewrite, depth, item, isSubtype);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const object = value as Data;
  const element = rewrite.path[depth];
  if (element === undefined) return;
  if (depth === rewrite.path.length - 1) {
    change(rewrite, element, object);
  } else if (element.startsWith(FRAGMENT)) {
    if (meets(object, element, isSubtype)) applyAt(rewrite, depth + 1, object, isSubtype);
  } else {
    applyAt(rewrite, depth + 1, own(object, element), isSubtype);
  }
}

function change(rewrite: FetchDataRewrite, name: string, object: Data): void {
  if (rewrite.kind === 'ValueSetter') {
    object[name] = rewrite.setValueTo;
    return;
  }
  const value = own(object, name);
  if (value === undefined) return;
  object[rewrite.renameKeyTo] = value;
  delete object[name];
}
