/** What a server of a test has received, in order. */
export interface Arrivals<Item> {
  readonly items: readonly Item[];
  readonly add: (...items: readonly Item[]) => void;
  /** Resolves with what `find` finds among them, now or when more has come. */
  readonly until: <Found>(find: (items: readonly Item[]) => Found | null | undefined | false) => Promise<Found>;
}

export function createArrivals<Item>(): Arrivals<Item> {
  const items: Item[] = [];
  let waiting: Array<() => void> = [];
  return {
    items,
    add(...more: readonly Item[]) {
      items.push(...more);
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
    async until(find) {
      for (;;) {
        const found = find(items);
        if (found) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
