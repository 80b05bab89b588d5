/** Ids in the order of what they count. */
interface LeastCounted {
  /** Adds an id, or moves it to where it counts so much. */
  set(id: string, count: number): void;
  delete(id: string): void;
  /** Null when there is none. */
  find(): { readonly id: string; readonly count: number } | null;
}

/**
 * Finds the least without a look at all of them, as a flood of ids that are counted once each makes one give way after the other.
 * Ids that count the same are kept together, and most that come and go count little.
 */
export function createLeastCounted(): LeastCounted {
  const counts = new Map<string, number>();
  const together = new Map<number, Set<string>>();
  /** Null when it has to be looked for among the counts that there are. */
  let least: number | null = null;

  function remove(id: string): void {
    const count = counts.get(id);
    if (count === undefined) return;
    counts.delete(id);
    const ids = together.get(count);
    ids?.delete(id);
    if (ids?.size !== 0) return;
    together.delete(count);
    if (least === count) least = null;
  }

  return {
    set(id, count) {
      remove(id);
      counts.set(id, count);
      const ids = together.get(count);
      if (ids) ids.add(id);
      else together.set(count, new Set([id]));
      if (least !== null && count < least) least = count;
    },
    delete: remove,
    find() {
      if (counts.size === 0) return null;
      if (least === null) {
        least = Infinity;
        for (const count of together.keys()) least = Math.min(least, count);
      }
      const [id] = together.get(least) ?? [];
      return id === undefined ? null : { id, count: least };
    },
  };
}
