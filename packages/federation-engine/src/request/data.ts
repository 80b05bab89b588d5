/** An object of an answer, as it came from a subgraph. */
export type Data = Record<string, unknown>;

export type ErrorPath = ReadonlyArray<string | number>;

/** A member of the object itself: names such as `constructor` are legal response names. */
export function own(object: Data, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
