import { setTimeout as delay } from 'node:timers/promises';
import { toAbortSignal, type CancelSignal } from '../../request/cancellation.js';
import type { BoundedCache } from './bounded-cache.js';
import { claimKey } from './cache-keys.js';
import { isChangedSince, readStored, type ChangedAt, type Stored } from './stored.js';

/** Something public that is not kept. */
export interface Miss {
  /** Under which it will be kept. */
  readonly key: string;
  readonly changedAt: ChangedAt;
}

/** What a fetch brought for each of its misses; null for what turned out not to be for everybody. */
export type Brought = ReadonlyArray<Stored | null>;

/**
 * Lets callers that miss the same public thing at the same time wait for one fetch: viewers of this process for each other,
 * processes for each other by claims in the cache.
 *
 * **Invariant:** no caller waits for a fetch that was sent before a change that it may have seen. A caller that waits in vain,
 * because the fetch is slow or what it brings is not for everybody, fetches by itself.
 */
export interface SharedMisses {
  /**
   * Returns what others have fetched, by index; all else `fetch` has been called for, perhaps in several calls.
   *
   * @throws what `fetch` throws, here or for the caller that this one waited for; the reason of `signal`
   */
  run(
    misses: readonly Miss[],
    signal: CancelSignal,
    fetch: (indices: readonly number[]) => Promise<Brought>,
  ): Promise<ReadonlyMap<number, Stored>>;
  /** Something was changed: nobody joins a fetch that is under way now. */
  forget(): void;
}

export interface SharedMissesOptions {
  readonly cache: BoundedCache;
  readonly now: () => number;
  /**
   * How long a process waits for what another one fetches: longer than nearly every fetch takes, and short enough to be lost when
   * the other process has died.
   */
  readonly waitMs: number;
}

const POLL_MS = 15;
/** How often it is tried to join another fetch when the client for whom it was made has gone away. */
const MAX_ROUNDS = 3;

/** How a fetch that others wait for ends for one of its misses. */
type Outcome =
  | { readonly kind: 'stored'; readonly stored: Stored }
  /** It is not for everybody. */
  | { readonly kind: 'private' }
  /** Its client has gone away. */
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Of one key, by the caller that missed it first. */
interface PublicFetch {
  readonly key: string;
  readonly at: number;
  readonly outcome: Promise<Outcome>;
  end(how: Outcome): void;
}

interface Place {
  readonly index: number;
  readonly fetching: PublicFetch;
}

const claimOf = ({ fetching }: Place) => claimKey(fetching.key);

export function createSharedMisses({ cache, now, waitMs }: SharedMissesOptions): SharedMisses {
  let underWay = new Map<string, PublicFetch>();

  function begin(key: string): PublicFetch {
    const all = underWay;
    let settle: (how: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((resolve) => (settle = resolve));
    const fetching: PublicFetch = {
      key,
      at: now(),
      outcome,
      end(how) {
        if (all.get(key) === fetching) all.delete(key);
        settle(how);
      },
    };
    all.set(key, fetching);
    return fetching;
  }

  return {
    forget() {
      if (underWay.size > 0) underWay = new Map();
    },
    async run(misses, signal, fetch) {
      const found = new Map<number, Stored>();

      async function seek(indices: readonly number[], round: number): Promise<void> {
        const joined: Place[] = [];
        const led: Place[] = [];
        for (const index of indices) {
          const { key, changedAt } = misses[index] as Miss;
          const fetching = round < MAX_ROUNDS ? underWay.get(key) : undefined;
          if (fetching && !isChangedSince(fetching.at, changedAt)) joined.push({ index, fetching });
          else led.push({ index, fetching: begin(key) });
        }
        // What is led never waits for what is joined, so two requests cannot wait for each other.
        await Promise.all([lead(led), join(joined, round)]);
      }

      async function lead(places: readonly Place[]): Promise<void> {
        if (places.length === 0) return;
        const granted = await cache.claim(places.map(claimOf), waitMs, signal);
        const own = places.filter((_, at) => granted[at]);
        const others = places.filter((_, at) => !granted[at]);
        await Promise.all([
          fetchAndEnd(own).finally(() => void cache.deleteMany(own.map(claimOf))),
          waitForOthers(others, performance.now() + waitMs),
        ]);
      }

      async function fetchAndEnd(places: readonly Place[]): Promise<void> {
        if (places.length === 0) return;
        try {
          const brought = await fetch(places.map(({ index }) => index));
          for (const [at, { fetching }] of places.entries()) {
            const stored = brought[at];
            fetching.end(stored ? { kind: 'stored', stored } : { kind: 'private' });
          }
        } catch (error) {
          endAll(places, signal.aborted ? { kind: 'abandoned' } : { kind: 'failed', error });
          throw error;
        }
      }

      async function waitForOthers(places: readonly Place[], deadline: number): Promise<void> {
        if (places.length === 0) return;
        try {
          await delay(POLL_MS, undefined, { signal: toAbortSignal(signal) });
        } catch {
          endAll(places, { kind: 'abandoned' });
          throw signal.reason;
        }
        const keys = [...places.map(({ fetching }) => fetching.key), ...places.map(claimOf)];
        const values = await cache.getMany(keys, signal);
        const isLate = performance.now() >= deadline;
        const pending: Place[] = [];
        const inVain: Place[] = [];
        for (const [at, place] of places.entries()) {
          const stored = readStored(values[at], (misses[place.index] as Miss).changedAt, now());
          if (stored) {
            found.set(place.index, stored);
            place.fetching.end({ kind: 'stored', stored });
          } else if (isLate || values[places.length + at] === undefined) inVain.push(place);
          else pending.push(place);
        }
        await Promise.all([fetchAndEnd(inVain), waitForOthers(pending, deadline)]);
      }

      async function join(places: readonly Place[], round: number): Promise<void> {
        if (places.length === 0) return;
        const outcomes = await untilAborted(Promise.all(places.map(({ fetching }) => fetching.outcome)), signal);
        const again: number[] = [];
        const alone: number[] = [];
        for (const [at, { index }] of places.entries()) {
          const outcome = outcomes[at] as Outcome;
          if (outcome.kind === 'failed') throw outcome.error;
          const { changedAt } = misses[index] as Miss;
          if (outcome.kind === 'stored' && !isChangedSince(outcome.stored.policy.askedAt, changedAt))
            found.set(index, outcome.stored);
          else (outcome.kind === 'abandoned' ? again : alone).push(index);
        }
        await Promise.all([
          again.length > 0 ? seek(again, round + 1) : undefined,
          alone.length > 0 ? fetch(alone) : undefined,
        ]);
      }

      await seek([...misses.keys()], 0);
      return found;
    },
  };
}

function endAll(places: readonly Place[], how: Outcome): void {
  for (const { fetching } of places) fetching.end(how);
}

function untilAborted<Value>(promise: Promise<Value>, signal: CancelSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
