/**
 * Wakes those who wait for news of a subject, in whatever process they are. Messages say that there is something, not what:
 * whoever hears one reads the truth from its own store, so a lost message costs time and never an event.
 */
export interface LiveFeed {
  /** Whether it reaches other processes: then a message is published once, and else in each of them. */
  readonly shared: boolean;
  /** @throws when it cannot be reached */
  publish(channel: string, message: string): Promise<void>;
  /**
   * Listens to a channel; resolves when listening. The listener gets each message, and null when messages may have been
   * missed (the connection was lost and is back). Returns what ends it.
   */
  subscribe(channel: string, listener: (message: string | null) => void): Promise<() => Promise<void>>;
  /** Tells all listeners of this process that messages may have been missed. */
  missed(): void;
  /** @throws when it cannot be reached */
  ping(): Promise<void>;
  close(): Promise<void>;
}
