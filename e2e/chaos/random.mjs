/** A seeded generator (mulberry32): the same seed makes the same decisions. */
export function createRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    /** From `low` to `high`, both included. */
    integer: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    /** One after the other, all of them before one comes again, and then in another order (Fisher and Yates). */
    *deal(list) {
      for (;;) {
        const deck = [...list];
        for (let last = deck.length - 1; last > 0; last -= 1) {
          const other = Math.floor(next() * (last + 1));
          [deck[last], deck[other]] = [deck[other], deck[last]];
        }
        yield* deck;
      }
    },
  };
}
