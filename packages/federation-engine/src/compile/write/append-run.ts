/**
 * One way through data in which nothing is wrong: it only appends. V8 keeps what is put together as a tree of its pieces until somebody
 * reads it, so the fewer pieces there are, and the more they stand in one row, the faster a text is made and read.
 */
export interface AppendRun {
  readonly shared: ReadonlySet<object>;
  readonly missing: ReadonlySet<object>;
  readonly isPlain: boolean;
  /** What has been written of shared objects, by selection. */
  readonly memo: Array<Map<object, Remembered> | undefined>;
  objects: number;
}

interface Remembered {
  readonly text: string;
  readonly objects: number;
}

/**
 * Appends a value that is not null; null when something is wrong with it, whatever that is.
 *
 * @param mayBeNull whether null may stand in its place
 */
export type Appender = (text: string, value: unknown, run: AppendRun, mayBeNull: boolean) => string | null;

export function startAppending(shared: ReadonlySet<object>, missing: ReadonlySet<object>, isPlain: boolean): AppendRun {
  return { shared, missing, isPlain, memo: [], objects: 0 };
}

export function remember(run: AppendRun, id: number, value: object, written: Remembered): void {
  (run.memo[id] ??= new Map()).set(value, written);
}

export function recall(run: AppendRun, id: number, value: object): string | null {
  const known = run.memo[id]?.get(value);
  if (!known) return null;
  run.objects += known.objects;
  return known.text;
}
