/** Names that are shorter than this are like too many others. */
const MIN_CHARACTERS = 8;
/** How many letters may be wrong, left out, too many or swapped. */
const MAX_TYPOS = { short: 1, long: 2 } as const;
const LONG_CHARACTERS = 12;

/**
 * Finds variables of an environment that are no settings, but nearly: `AUTH_PROT` for `AUTH_PORT`. A process has no other way to know
 * what somebody has meant to set.
 *
 * @param known the settings of the process; what is near to none of them is nobody's business
 */
export function findMisspelled(
  known: readonly string[],
  env: NodeJS.ProcessEnv,
): ReadonlyArray<{ readonly given: string; readonly meant: string }> {
  const names = new Set(known);
  return Object.keys(env).flatMap((given) => {
    if (names.has(given) || env[given] === '' || given.length < MIN_CHARACTERS) return [];
    const meant = known.find((name) => isNear(name, given));
    return meant === undefined ? [] : [{ given, meant }];
  });
}

/** Whether one name may be a misspelling of the other. */
export function isNear(name: string, given: string): boolean {
  if (name.length < MIN_CHARACTERS || given.length < MIN_CHARACTERS) return false;
  const most = name.length < LONG_CHARACTERS ? MAX_TYPOS.short : MAX_TYPOS.long;
  return Math.abs(name.length - given.length) <= most && distance(name, given.toUpperCase()) <= most;
}

/** Damerau–Levenshtein, with swaps of neighbours: how many letters have to change. */
function distance(left: string, right: string): number {
  let before: number[] = [];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1];
      const swapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (before[j - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row[right.length] ?? 0;
}
