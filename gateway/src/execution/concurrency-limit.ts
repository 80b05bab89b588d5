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
   * Runs work when there is room for it. Who waits is let in mutations first, then in the order of arrival.
   *
   * @throws Overloaded when too many wait: a query that comes then, or for a mutation the query that came last
   * @throws the signal's reason when it is aborted while waiting
   */
  run<Result>(kind: WorkKind, signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
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
  const waiters: Record<WorkKind, Set<Waiter>> = { mutation: new Set(), query: new Set() };
  const waiting = () => waiters.mutation.size + waiters.query.size;

  function leave(): void {
    const [next] = waiters.mutation.size > 0 ? waiters.mutation : waiters.query;
    // The place passes on, so nobody who comes now can take it.
    if (next) next.enter();
    else active -= 1;
  }

  function makeRoom(kind: WorkKind): void {
    if (waiting() < maxWaiting) return;
    const last = kind === 'mutation' ? [...waiters.query].at(-1) : undefined;
    if (!last) throw new Overloaded();
    last.refuse(new Overloaded());
  }

  function wait(kind: WorkKind, signal: AbortSignal): Promise<void> {
    makeRoom(kind);
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiters[kind].delete(waiter);
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
      waiters[kind].add(waiter);
    });
  }

  return {
    active: () => active,
    waiting,
    async run(kind, signal, work) {
      if (active < maxActive) active += 1;
      else await wait(kind, signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
