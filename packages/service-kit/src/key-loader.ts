import DataLoader from 'dataloader';

/**
 * Looks values up by key, all that are asked for at one moment in one batch. What has been loaded before it is asked for is there at once:
 * a list of a hundred objects is completed without a promise for each.
 */
export class KeyLoader<Value> {
  readonly #batch: (keys: readonly string[]) => Promise<Array<Value | Error>>;
  readonly #waiting: DataLoader<string, Value>;
  readonly #loaded = new Map<string, Value | Error>();

  constructor(batch: (keys: readonly string[]) => Promise<Array<Value | Error>>) {
    this.#batch = batch;
    this.#waiting = new DataLoader(batch);
  }

  /** @throws what is wrong with a value that has been loaded */
  load(key: string): Value | Promise<Value> {
    const loaded = this.#loaded.get(key);
    if (loaded === undefined) return this.#waiting.load(key);
    if (loaded instanceof Error) throw loaded;
    return loaded;
  }

  /** Loads what will be asked for. Never throws: what cannot be loaded is the error of the caller that asks for it. */
  async loadAhead(keys: readonly string[]): Promise<void> {
    const missing = [...new Set(keys)].filter((key) => !this.#loaded.has(key));
    if (missing.length === 0) return;
    try {
      const values = await this.#batch(missing);
      for (const [index, key] of missing.entries()) this.#loaded.set(key, values[index] as Value | Error);
    } catch (error) {
      for (const key of missing) this.#loaded.set(key, error as Error);
    }
  }

  /** The next that asks reads it anew. */
  clear(key: string): void {
    this.#loaded.delete(key);
    this.#waiting.clear(key);
  }
}
