/** An object of an answer, as it came from a subgraph. */
export type Data = Record<string, unknown>;

export type ErrorPath = ReadonlyArray<string | number>;

/**
 * A member of the object itself: names such as `constructor` are legal response names. What objects inherit are functions, which JSON has
 * none of, and by `__proto__` what they inherit from; to ask for each member whether it is the object's own would cost several times as much.
 */
export function own(object: Data, name: string): unknown {
  const value = object[name];
  if (typeof value !== 'function' && value !== Object.prototype) return value;
  return Object.hasOwn(object, name) ? value : undefined;
}
