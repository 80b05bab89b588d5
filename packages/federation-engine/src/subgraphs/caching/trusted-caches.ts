/** Caches that keep to all that is asked of one by themselves. */
const trusted = new WeakSet<object>();

/** Says that a cache answers in time and right, or with misses: nothing more is done about it. */
export function asTrusted<Cache extends object>(cache: Cache): Cache {
  trusted.add(cache);
  return cache;
}

export function isTrusted(cache: object): boolean {
  return trusted.has(cache);
}
