/** Whoever waits, by whose share it is on: takes turns among clients, however much one of them has brought. */
export interface FairQueue<Item> {
  /** Adds an item at the end of its client's; returns the one that has to go for it, which may be itself. */
  add(client: string, item: Item): Item | null;
  /** The next item: one of each client in turn. */
  take(): Item | undefined;
  takeAll(): Item[];
  readonly size: () => number;
}

/**
 * Beyond `maxSize` the last item of the client that has most goes, so that who has brought little is served whatever others do.
 *
 * @param exempt what this client brings is kept in any case
 */
export function createFairQueue<Item>(maxSize: number, exempt: string): FairQueue<Item> {
  /** In the order of their turns; none is empty. */
  const byClient = new Map<string, Item[]>();
  let size = 0;

  function remove(client: string, items: Item[], item: Item | undefined): Item | undefined {
    if (item !== undefined) size -= 1;
    if (items.length === 0) byClient.delete(client);
    return item;
  }

  function dropOne(): Item | null {
    let most: [string, Item[]] | null = null;
    for (const each of byClient) if (each[0] !== exempt && each[1].length > (most?.[1].length ?? 0)) most = each;
    return most ? (remove(most[0], most[1], most[1].pop()) ?? null) : null;
  }

  return {
    add(client, item) {
      const items = byClient.get(client);
      if (items) items.push(item);
      else byClient.set(client, [item]);
      size += 1;
      const exempted = byClient.get(exempt)?.length ?? 0;
      return size - exempted > maxSize ? dropOne() : null;
    },
    take() {
      const [next] = byClient;
      if (!next) return undefined;
      const [client, items] = next;
      const item = remove(client, items, items.shift());
      if (items.length > 0) {
        byClient.delete(client);
        byClient.set(client, items);
      }
      return item;
    },
    takeAll() {
      const all = [...byClient.values()].flat();
      byClient.clear();
      size = 0;
      return all;
    },
    size: () => size,
  };
}
