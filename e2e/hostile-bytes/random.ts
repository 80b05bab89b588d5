/** Random choices that are the same for the same seed. */
export interface Random {
  /** From 0 up to, and without, `limit`. */
  below(limit: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  bytes(length: number): Buffer;
}

/** Creates a source for one input of a run, so that it can be made again without those before it. */
export function createRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    chance: (probability) => next() < probability,
    pick: <Item>(items: readonly Item[]) => items[below(items.length)] as Item,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
}

/** What is often not thought of, in the middle of other bytes. */
const SPLINTERS = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ':',
  '--',
  '\u2028',
  '\ud83e',
  '€',
  '%00',
  '__proto__',
  '-1',
  '1e999',
  'null',
];

/** Changes some bytes: turns, removes, doubles, inserts, cuts off. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed = bytes;
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    const at = random.below(changed.length + 1);
    const until = Math.min(changed.length, at + 1 + random.below(20));
    const [before, middle, after] = [changed.subarray(0, at), changed.subarray(at, until), changed.subarray(until)];
    changed = Buffer.concat(
      random.pick<() => readonly Buffer[]>([
        () => [before, Buffer.from(middle.map((byte) => byte ^ (1 << random.below(8)))), after],
        () => [before, after],
        () => [before, middle, middle, after],
        () => [before, random.bytes(1 + random.below(8)), middle, after],
        () => [before, Buffer.from(random.pick(SPLINTERS)), middle, after],
        () => (random.chance(0.3) ? [before] : [before, middle, after]),
      ])(),
    );
  }
  return changed;
}
