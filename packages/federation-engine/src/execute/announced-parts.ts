import type { DeferredPart } from '../compile/plan/steps.js';
import type { PendingPart } from './operation-result.js';
import type { ErrorPath } from '../request/data.js';

/** The parts of one answer that clients are told of before they come, by the `@defer` and the place. */
export class AnnouncedParts {
  readonly #waiting = new Map<string, Map<string, PendingPart>>();
  #count = 0;

  /** Gives a part its id; null when it has one that is not taken yet. */
  add({ name, label }: Pick<DeferredPart, 'name' | 'label'>, path: ErrorPath): PendingPart | null {
    const key = JSON.stringify(path);
    let places = this.#waiting.get(name);
    if (!places) this.#waiting.set(name, (places = new Map<string, PendingPart>()));
    if (places.has(key)) return null;
    const part = { id: String(this.#count), label, path };
    this.#count += 1;
    places.set(key, part);
    return part;
  }

  /** Takes one out, because it is there. @throws when it was not announced */
  take(name: string, path: ErrorPath): PendingPart {
    const places = this.#waiting.get(name);
    const key = JSON.stringify(path);
    const part = places?.get(key);
    if (!part) throw new Error('a part comes that was not announced');
    places?.delete(key);
    return part;
  }

  /** Takes out all that are left of one `@defer`. */
  takeAll(name: string): PendingPart[] {
    const left = [...(this.#waiting.get(name)?.values() ?? [])];
    this.#waiting.delete(name);
    return left;
  }
}
