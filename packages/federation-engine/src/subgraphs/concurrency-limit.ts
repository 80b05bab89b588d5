import { createFairQueue, type FairQueue } from './fair-queue.js';

/** Thrown to who has to go because too many wait. */
export class Overloaded extends Error {
  constructor() {
    super('too many requests wait');
    this.name = 'Overloaded';
  }
}

export type WorkKind = 'query' | 'mutation';

export interface ConcurrencyLimit {
  /**
   * Runs work when there is room for it. Who waits is let in mutations first; owners take turns, and what one of them asked for
   * is let in in the order of arrival.
   *
   * @param owner in whose name: of those who share it nobody gets more than his turn
   * @throws Overloaded when too many wait: to the last of the owner for whom most queries wait, be it the one that comes; for a
   *   mutation a query goes, and among mutations alone it is as among queries
   * @throws the signal's reason when it is aborted while waiting
   */
  run<Result>(kind: WorkKind, signal: AbortSignal, work: () => Promise<Result>, owner?: string): Promise<Result>;
  readonly active: () => number;
  readonly waiting: () => number;
}

interface Waiter {
  readonly enter: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** Bounds how much is under way at once, and how much waits for it. */
export function createConcurrencyLimit({
  maxActive,
  maxWaiting,
}: {
  maxActive: number;
  maxWaiting: number;
}): ConcurrencyLimit {
  let active = 0;
  const waiters: Record<WorkKind, FairQueue<Waiter>> = { mutation: createFairQueue(), query: createFairQueue() };
  const waiting = () => waiters.mutation.size() + waiters.query.size();

  function leave(): void {
    const next = waiters.mutation.next() ?? waiters.query.next();
    // The place passes on, so nobody who comes now can take it.
    if (next) next.enter();
    else active -= 1;
  }

  function makeRoom(kind: WorkKind, owner: string): void {
    if (waiting() < maxWaiting) return;
    const query = waiters.query.longest();
    if (kind === 'mutation' && query) return query.last.refuse(new Overloaded());
    // Whoever has more that wait than the one who comes would have with this one makes room for him.
    const most = kind === 'mutation' ? waiters.mutation.longest() : query;
    if (!most || most.count <= waiters[kind].count(owner) + 1) throw new Overloaded();
    most.last.refuse(new Overloaded());
  }

  function wait(kind: WorkKind, signal: AbortSignal, owner: string): Promise<void> {
    makeRoom(kind, owner);
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiters[kind].remove(owner, waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        enter: () => {
          settle();
          resolve();
        },
        refuse: (reason) => {
          settle();
          reject(reason);
        },
      };
      const onAbort = () => waiter.refuse(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      waiters[kind].add(owner, waiter);
    });
  }

  return {
    active: () => active,
    waiting,
    async run(kind, signal, work, owner = '') {
      if (active < maxActive) active += 1;
      else await wait(kind, signal, owner);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
