import { clientName } from '../compile/plan/response-names.js';
import { merge } from './merge.js';
import { FRAGMENT, meets } from './rewrites.js';
import type { IsSubtype } from '../supergraph/supergraph.js';
import { own, type Data, type ErrorPath } from '../request/data.js';

/** An object that a part is about. */
export interface Place {
  readonly value: Data;
  /** In the answer to the client. */
  readonly at: ErrorPath;
}

/** Finds the objects at the path of a deferred part: response names, and `... on Type` where others are not meant. */
export function findPlaces(root: Data, path: readonly string[], isSubtype: IsSubtype): Place[] {
  const places: Place[] = [];
  const walk = (value: unknown, depth: number, at: ErrorPath): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(item, depth, [...at, index]);
      return;
    }
    const object = value as Data;
    const element = path[depth];
    if (element === undefined) places.push({ value: object, at });
    else if (element === '@') walk(object, depth + 1, at);
    else if (element.startsWith(FRAGMENT)) {
      if (meets(object, element, isSubtype)) walk(object, depth + 1, at);
    } else walk(own(object, element), depth + 1, [...at, clientName(element)]);
  };
  walk(root, 0, []);
  return places;
}

export function isBelow(path: ErrorPath | undefined, place: ErrorPath): boolean {
  return place.every((element, index) => path?.[index] === element);
}

/** The answer as the client has it so far: a part has a place only where an object has arrived. */
export class ArrivedAnswer {
  readonly data: unknown;

  constructor(text: string | null) {
    this.data = JSON.parse(text ?? 'null');
  }

  has(at: ErrorPath): boolean {
    return this.#find(at) !== null;
  }

  add(at: ErrorPath, text: string): void {
    const target = this.#find(at);
    if (target) merge(target, JSON.parse(text) as Data);
  }

  #find(at: ErrorPath): Data | null {
    let value = this.data;
    for (const element of at) {
      if (typeof value !== 'object' || value === null) return null;
      value = own(value as Data, String(element));
    }
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : null;
  }
}
