import { clientName } from '../compile/plan/client-names.js';
import { merge } from './merge.js';
import type { PathStep } from '../compile/plan/steps.js';
import { follow, walkPlaces } from './walk-places.js';
import type { Data, ErrorPath } from '../request/data.js';

/** An object that a part is about. */
export interface Place {
  readonly value: Data;
  /** In the answer to the client. */
  readonly at: ErrorPath;
}

/** Finds the objects at the path of a deferred part. */
export function findPlaces(root: Data, path: readonly PathStep[]): Place[] {
  const places: Place[] = [];
  walkPlaces(root, path, (value, { keys, length }) => {
    // The first key is that of the root itself.
    const at = keys.slice(1, length).map((key) => (typeof key === 'string' ? clientName(key) : key));
    places.push({ value, at });
  });
  return places;
}

export function isBelow(path: ErrorPath | undefined, place: ErrorPath): boolean {
  return place.every((element, index) => path?.[index] === element);
}

/** The answer as the client has it so far: a part has a place only where an object has arrived. */
export class ArrivedAnswer {
  readonly data: unknown;

  /** @param data grows as parts are added */
  constructor(data: unknown) {
    this.data = data;
  }

  has(at: ErrorPath): boolean {
    return this.#find(at) !== null;
  }

  /** Adds what a part brings, and uses it up. */
  add(at: ErrorPath, data: Data): void {
    const target = this.#find(at);
    if (target) merge(target, data);
  }

  #find(at: ErrorPath): Data | null {
    const { value, length } = follow(this.data, at);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return length === at.length && isObject ? (value as Data) : null;
  }
}
