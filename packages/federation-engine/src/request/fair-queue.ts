/** Waiters, each in the name of an owner. */
export interface FairQueue<Waiter> {
  readonly size: () => number;
  /** How many wait for this one. */
  readonly count: (owner: string) => number;
  add(owner: string, waiter: Waiter): void;
  remove(owner: string, waiter: Waiter): void;
  /** The one whose turn it is, of owners that may go. It stays until it is removed. */
  next(mayGo?: (owner: string) => boolean): Waiter | undefined;
  /** The most that wait for one owner, of others than this one, and the one of them that came last. */
  longest(exempt?: string): { readonly count: number; readonly last: Waiter } | null;
}

/**
 * Makes a queue in which owners take turns, and what one of them waits for keeps its order. So an owner of a thousand
 * requests waits for their own, and an owner of one is the next but for the owners before them.
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
    longest(exempt) {
      let most: Set<Waiter> | undefined;
      for (const [owner, own] of owners) if (owner !== exempt && own.size > (most?.size ?? 0)) most = own;
      const last = most && [...most].at(-1);
      return most && last ? { count: most.size, last } : null;
    },
  };
}

/** Items of clients, who take turns, however much one of them has brought; only so many wait. */
interface BoundedQueue<Item> {
  /** Adds an item at the end of its client's; returns the one that has to go for it, which may be itself. */
  add(client: string, item: Item): Item | null;
  /** The next item: one of each client in turn. */
  take(): Item | undefined;
  takeAll(): Item[];
  readonly size: () => number;
}

/**
 * Beyond `maxSize` the last item of the client that has most goes, so that a client that has brought little is served whatever others
 * do.
 *
 * @param exempt what this client brings is kept in any case
 */
export function createBoundedQueue<Item>(maxSize: number, exempt: string): BoundedQueue<Item> {
  const queue = createFairQueue<{ readonly client: string; readonly item: Item }>();

  function take(): Item | undefined {
    const next = queue.next();
    if (!next) return undefined;
    queue.remove(next.client, next);
    return next.item;
  }

  return {
    add(client, item) {
      queue.add(client, { client, item });
      if (queue.size() - queue.count(exempt) <= maxSize) return null;
      const last = queue.longest(exempt)?.last;
      if (!last) return null;
      queue.remove(last.client, last);
      return last.item;
    },
    take,
    takeAll() {
      const all: Item[] = [];
      while (queue.size() > 0) all.push(take() as Item);
      return all;
    },
    size: queue.size,
  };
}
