/**
 * Wakes the listeners that wait for news of a subject, in whatever process they are. Messages say that there is something, not what:
 * a listener that hears one reads the truth from its own store, so a lost message costs time and never an event.
 */
export interface LiveFeed {
  /** Whether it reaches other processes: then a message is published once, and else in each of them. */
  readonly shared: boolean;
  /** @throws when it cannot be reached */
  publish(channel: string, message: string): Promise<void>;
  /**
   * Listens to a channel; resolves when listening. The listener gets each message, and null when messages may have been
   * missed (the connection was lost and is back). It must not throw. Returns what ends it.
   *
   * @throws when it cannot be reached
   */
  subscribe(channel: string, listener: LiveFeedListener): Promise<() => Promise<void>>;
  /** Tells all listeners of this process that messages may have been missed. */
  missed(): void;
  /** @throws when it cannot be reached */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export type LiveFeedListener = (message: string | null) => void;

/** A feed that ends at the borders of this process. */
export function createMemoryLiveFeed(): LiveFeed {
  const listenersOf = new Map<string, Set<LiveFeedListener>>();
  let isClosed = false;
  const assertOpen = () => {
    if (isClosed) throw new Error('the live feed is closed');
  };
  return {
    shared: false,
    async publish(channel, message) {
      assertOpen();
      for (const listener of [...(listenersOf.get(channel) ?? [])]) listener(message);
    },
    async subscribe(channel, listener) {
      assertOpen();
      // The same function may listen twice; each of its subscriptions ends by itself.
      const own: LiveFeedListener = (message) => listener(message);
      const listeners = listenersOf.get(channel) ?? new Set();
      listenersOf.set(channel, listeners.add(own));
      return async () => {
        listeners.delete(own);
        if (listeners.size === 0 && listenersOf.get(channel) === listeners) listenersOf.delete(channel);
      };
    },
    missed() {
      for (const listeners of [...listenersOf.values()]) for (const listener of [...listeners]) listener(null);
    },
    async ping() {
      assertOpen();
    },
    async close() {
      isClosed = true;
      listenersOf.clear();
    },
  };
}
