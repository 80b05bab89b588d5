import type { IncrementalPart, LaterParts, PendingPart } from './operation-result.js';

/** Parts that are there wait until they are read; the end comes when no work is left, or nobody reads any more. */
export class PartQueue implements LaterParts {
  /** What the first part of the answer announces. */
  pending: readonly PendingPart[] = [];
  readonly #ready: IncrementalPart[] = [];
  #working = 0;
  #failure: unknown = null;
  #isLeft = false;
  #wake: () => void = () => undefined;

  add(work: Promise<void>): void {
    this.#working += 1;
    work
      .catch((error: unknown) => (this.#failure ??= error))
      .finally(() => {
        this.#working -= 1;
        this.#wake();
      });
  }

  emit(part: IncrementalPart): void {
    if (this.#isLeft) return;
    this.#ready.push(part);
    this.#wake();
  }

  leave(): void {
    this.#isLeft = true;
    this.#ready.length = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IncrementalPart> {
    for (;;) {
      const part = this.#ready.shift();
      if (part) yield part;
      else if (this.#isLeft) return;
      else if (this.#failure) throw this.#failure as Error;
      else if (this.#working === 0) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
