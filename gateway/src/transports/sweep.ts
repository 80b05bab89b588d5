/** How often everybody is looked at, at most. */
const MAX_SWEEP_MS = 1_000;
const MIN_SWEEP_MS = 10;

interface SweepOptions<Item> {
  /** How often it is an item's turn. */
  readonly heartbeatMs: number;
  /** Other times that a look must not be late for by more than a quarter. */
  readonly otherMs?: number;
  readonly look: (item: Item, now: number, isItsTurn: boolean) => void;
}

/**
 * Connections that are looked at in turn: one timer for all of them, which is cheaper than one for each, and as good for
 * times of seconds. Turns are spread over the heartbeat, so that not all are pinged at once.
 */
interface Sweep<Item> extends Iterable<Item> {
  readonly size: number;
  add(item: Item): void;
  delete(item: Item): void;
}

export function createSweep<Item>({ heartbeatMs, otherMs = Infinity, look }: SweepOptions<Item>): Sweep<Item> {
  const everyMs = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, heartbeatMs / 4, otherMs / 4));
  const turns = Math.max(1, Math.round(heartbeatMs / everyMs));
  const turnOf = new Map<Item, number>();
  let timer: NodeJS.Timeout | null = null;
  let turn = 0;
  let last = 0;

  function sweep(): void {
    const now = Date.now();
    turn = (turn + 1) % turns;
    for (const [item, its] of turnOf) look(item, now, its === turn);
  }

  return {
    get size() {
      return turnOf.size;
    },
    add(item) {
      last = (last + 1) % turns;
      turnOf.set(item, last);
      timer ??= setInterval(sweep, everyMs);
    },
    delete(item) {
      turnOf.delete(item);
      if (turnOf.size > 0 || !timer) return;
      clearInterval(timer);
      timer = null;
    },
    [Symbol.iterator]: () => turnOf.keys(),
  };
}
