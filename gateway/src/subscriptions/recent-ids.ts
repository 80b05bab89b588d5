/** A resume brings again what was under way when the connection was lost, and that is not much. */
const REMEMBERED = 32;

/** The ids of the last events. */
export class RecentIds {
  readonly #ids: string[] = [];

  /** Returns false for one that it knows. */
  add(id: string): boolean {
    if (this.#ids.includes(id)) return false;
    this.#ids.push(id);
    if (this.#ids.length > REMEMBERED) this.#ids.shift();
    return true;
  }
}
