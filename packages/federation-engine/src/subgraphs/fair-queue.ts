/** Those who wait, each for somebody. */
export interface FairQueue<Waiter> {
  readonly size: () => number;
  /** How many wait for this one. */
  readonly count: (owner: string) => number;
  add(owner: string, waiter: Waiter): void;
  remove(owner: string, waiter: Waiter): void;
  /** The one whose turn it is, of owners that may go. It stays until it is removed. */
  next(mayGo?: (owner: string) => boolean): Waiter | undefined;
  /** Who has most that wait, and the one of them that came last. */
  longest(): { readonly count: number; readonly last: Waiter } | null;
}

/**
 * Makes a queue in which owners take turns, and what one of them waits for keeps its order. So whoever sends a thousand
 * requests waits for his own, and who sends one is the next but for the owners before him.
 */
export function createFairQueue<Waiter>(): FairQueue<Waiter> {
  /** In the order of their turns. */
  const owners = new Map<string, Set<Waiter>>();
  let size = 0;

  return {
    size: () => size,
    count: (owner) => owners.get(owner)?.size ?? 0,
    add(owner, waiter) {
      size += 1;
      const own = owners.get(owner);
      if (own) own.add(waiter);
      else owners.set(owner, new Set([waiter]));
    },
    remove(owner, waiter) {
      const own = owners.get(owner);
      if (!own?.delete(waiter)) return;
      size -= 1;
      if (own.size === 0) owners.delete(owner);
    },
    next(mayGo) {
      for (const [owner, own] of owners) {
        if (mayGo && !mayGo(owner)) continue;
        const [waiter] = own;
        owners.delete(owner);
        owners.set(owner, own);
        return waiter;
      }
      return undefined;
    },
    longest() {
      let most: Set<Waiter> | undefined;
      for (const own of owners.values()) if (own.size > (most?.size ?? 0)) most = own;
      const last = most && [...most].at(-1);
      return most && last ? { count: most.size, last } : null;
    },
  };
}
