export interface EndedItems {
  /**
   * Waits until an item is processed no more, the time is over, or the caller has gone.
   * @throws what the look at the database throws
   */
  wait(mediaId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** The job of an item has ended here: those that wait for it need not wait for the next look. */
  tell(mediaId: string): void;
}

export interface EndedItemsOptions {
  /** Of an item that is deleted meanwhile, the job leaves nothing behind at its end. */
  readonly isRunning: (mediaId: string) => boolean;
  /** Which of these are PROCESSING: one question for all that wait. */
  readonly findProcessing: (mediaIds: string[]) => Promise<ReadonlySet<string>>;
  /** An item that another process makes ready is seen so soon. */
  readonly lookMs: number;
}

interface Waiter {
  readonly end: () => void;
  readonly fail: (error: unknown) => void;
}

export function createEndedItems({ isRunning, findProcessing, lookMs }: EndedItemsOptions): EndedItems {
  const waiters = new Map<string, Set<Waiter>>();
  /** That have come since the look that is under way. */
  const next = new Set<string>();
  let isLooking = false;
  let interval: NodeJS.Timeout | undefined;

  async function look(mediaIds: Iterable<string>): Promise<void> {
    for (const id of mediaIds) next.add(id);
    if (isLooking) return;
    isLooking = true;
    while (next.size > 0) {
      const asked = [...next].filter((id) => waiters.has(id) && !isRunning(id));
      next.clear();
      if (asked.length > 0) await lookAt(asked);
    }
    isLooking = false;
  }

  async function lookAt(mediaIds: string[]): Promise<void> {
    const each = (id: string, then: (waiter: Waiter) => void) => waiters.get(id)?.forEach(then);
    try {
      const processing = await findProcessing(mediaIds);
      for (const id of mediaIds) if (!processing.has(id) && !isRunning(id)) each(id, ({ end }) => end());
    } catch (error) {
      for (const id of mediaIds) each(id, ({ fail }) => fail(error));
    }
  }

  function add(mediaId: string, waiter: Waiter): void {
    waiters.set(mediaId, (waiters.get(mediaId) ?? new Set()).add(waiter));
    interval ??= setInterval(() => void look(waiters.keys()), lookMs);
    void look([mediaId]);
  }

  function remove(mediaId: string, waiter: Waiter): void {
    const others = waiters.get(mediaId);
    others?.delete(waiter);
    if (others?.size === 0) waiters.delete(mediaId);
    if (waiters.size > 0) return;
    clearInterval(interval);
    interval = undefined;
  }

  return {
    async wait(mediaId, timeoutMs, signal) {
      if (signal.aborted) return;
      await new Promise<void>((resolve, reject) => {
        const settle = (how: () => void) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', waiter.end);
          remove(mediaId, waiter);
          how();
        };
        const waiter = { end: () => settle(resolve), fail: (error: unknown) => settle(() => reject(error)) };
        const timer = setTimeout(waiter.end, timeoutMs);
        signal.addEventListener('abort', waiter.end, { once: true });
        add(mediaId, waiter);
      });
    },
    tell: (mediaId) => void look([mediaId]),
  };
}
