/** One way through data in which nothing is wrong, as that which appends is, that makes a value and no text. */
export interface MakeRun {
  readonly missing: ReadonlySet<object>;
  objects: number;
}

/**
 * Makes the answer's value of one that is not null; {@link WRONG} when something is wrong with it, whatever that is. Lists and objects are
 * new ones: the data are kept for others, and a caller may change the value that it is given.
 *
 * @param mayBeNull whether null may stand in its place
 */
export type Maker = (value: unknown, run: MakeRun, mayBeNull: boolean) => unknown;

export const WRONG = Symbol('wrong');
