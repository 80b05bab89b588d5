/** A resume may bring again what was under way when the connection was lost, and that is not much. */
const REMEMBERED = 32;

/** The ids of the last events. */
export class RecentIds {
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  /** Forgets all but the last. */
  trim(): void {
    for (const id of this.#ids) {
      if (this.#ids.size <= REMEMBERED) return;
      this.#ids.delete(id);
    }
  }
}
