import type { CancelSignal } from '../request/cancellation.js';
import { createFairQueue, type FairQueue } from '../request/fair-queue.js';

/** Thrown to a caller that has to go because too many wait. */
export class Overloaded extends Error {
  constructor() {
    super('too many requests wait');
    this.name = 'Overloaded';
  }
}

export type WorkKind = 'query' | 'mutation';

export interface ConcurrencyLimit {
  /**
   * Runs work when there is room for it, and its owner has not all that is theirs at once. Of what waits, mutations are let in first;
   * owners take turns, and what one of them asked for is let in in the order of arrival.
   *
   * @param work throws nothing but by its promise
   * @param owner in whose name: callers that share an owner get no more than that owner's turns
   * @throws Overloaded when too many wait: to the last of the owner for whom most queries wait, be it the one that comes; for a
   *   mutation a query goes, and among mutations alone it is as among queries
   * @throws the signal's reason when it is aborted while waiting
   */
  run<Result>(kind: WorkKind, signal: CancelSignal, work: () => Promise<Result>, owner?: string): Promise<Result>;
  readonly active: () => number;
  readonly waiting: () => number;
}

interface Waiter {
  readonly enter: () => void;
  readonly turnAway: (reason: unknown) => void;
}

export interface ConcurrencyLimitOptions {
  readonly maxActive: number;
  readonly maxWaiting: number;
  /** Under way at once for one owner, for work that lasts as long as its owner likes: turns come too seldom then. */
  readonly maxActivePerOwner?: number;
}

/** Bounds how much is under way at once, and how much waits for it. */
export function createConcurrencyLimit({
  maxActive,
  maxWaiting,
  maxActivePerOwner = Infinity,
}: ConcurrencyLimitOptions): ConcurrencyLimit {
  let active = 0;
  /** By owner; empty where owners have no limit. */
  const own = new Map<string, number>();
  const hasShares = maxActivePerOwner < maxActive;
  const mayGo = hasShares ? (owner: string) => (own.get(owner) ?? 0) < maxActivePerOwner : undefined;
  const waiters: Record<WorkKind, FairQueue<Waiter>> = { mutation: createFairQueue(), query: createFairQueue() };
  const waiting = () => waiters.mutation.size() + waiters.query.size();

  function count(owner: string, change: 1 | -1): void {
    if (!hasShares) return;
    const now = (own.get(owner) ?? 0) + change;
    if (now === 0) own.delete(owner);
    else own.set(owner, now);
  }

  function leave(owner: string): void {
    count(owner, -1);
    const next = waiters.mutation.next(mayGo) ?? waiters.query.next(mayGo);
    // The place passes on, so nobody who comes now can take it.
    if (next) next.enter();
    else active -= 1;
  }

  function makeRoom(kind: WorkKind, owner: string): void {
    if (waiting() < maxWaiting) return;
    const query = waiters.query.longest();
    if (kind === 'mutation' && query) return query.last.turnAway(new Overloaded());
    // The owner with most that wait makes room, if those are more than this owner's would be with the new one.
    const most = kind === 'mutation' ? waiters.mutation.longest() : query;
    if (!most || most.count <= waiters[kind].count(owner) + 1) throw new Overloaded();
    most.last.turnAway(new Overloaded());
  }

  function wait(kind: WorkKind, signal: CancelSignal, owner: string): Promise<void> {
    makeRoom(kind, owner);
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiters[kind].remove(owner, waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        enter: () => {
          settle();
          count(owner, 1);
          resolve();
        },
        turnAway: (reason) => {
          settle();
          reject(reason);
        },
      };
      const onAbort = () => waiter.turnAway(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      waiters[kind].add(owner, waiter);
    });
  }

  /** Runs work that has its place, and gives that back. */
  function runNow<Result>(work: () => Promise<Result>, owner: string): Promise<Result> {
    const end = () => leave(owner);
    const running = work();
    running.then(end, end);
    return running;
  }

  async function runInTurn<Result>(
    kind: WorkKind,
    signal: CancelSignal,
    work: () => Promise<Result>,
    owner: string,
  ): Promise<Result> {
    await wait(kind, signal, owner);
    return runNow(work, owner);
  }

  return {
    active: () => active,
    waiting,
    run(kind, signal, work, owner = '') {
      if (active >= maxActive || (mayGo && !mayGo(owner))) return runInTurn(kind, signal, work, owner);
      active += 1;
      count(owner, 1);
      return runNow(work, owner);
    },
  };
}
