import type { IncrementalPart } from './operation-result.js';

/** Parts that are there wait until they are read; the end comes when no work is left. */
export class PartQueue implements AsyncIterable<IncrementalPart> {
  readonly #ready: IncrementalPart[] = [];
  #pending = 0;
  #failure: unknown = null;
  #wake: () => void = () => undefined;

  add(work: Promise<void>): void {
    this.#pending += 1;
    work
      .catch((error: unknown) => (this.#failure ??= error))
      .finally(() => {
        this.#pending -= 1;
        this.#wake();
      });
  }

  emit(part: IncrementalPart): void {
    this.#ready.push(part);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IncrementalPart> {
    for (;;) {
      const part = this.#ready.shift();
      if (part) yield part;
      else if (this.#failure) throw this.#failure as Error;
      else if (this.#pending === 0) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
