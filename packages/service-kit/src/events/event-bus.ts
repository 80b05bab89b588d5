import type { EventEnvelope, EventSource, EventTopic } from '@taskgraph/contracts';

/** Tries of one event by one group before it becomes a dead letter. */
export const MAX_DELIVERIES = 5;

export interface PublishOutcome {
  /** Ids that the transport has taken over: it will not lose them. */
  readonly published: readonly string[];
  /** By id; for the events of a subject behind a failed one, the failure of that one. */
  readonly failed: ReadonlyMap<string, Error>;
}

export interface EventHandler {
  /**
   * Handles an event. When it resolves, the event is done for this group; when it throws, it comes again, and after
   * {@link MAX_DELIVERIES} tries it becomes a dead letter. Tries that fail because the database, or another service, is
   * away do not count.
   *
   * @throws PoisonEvent for what no further try can make good: a dead letter at once
   */
  (event: EventEnvelope, delivery: { readonly attempt: number }): Promise<void>;
}

export interface SubscribeOptions {
  /** The name of the consumer. All processes of one group share its events; each group gets every event. Lower case and `-`. */
  readonly group: string;
  readonly topics: readonly EventTopic[];
  /**
   * `durable`: what is published while the group is away waits for it. `ephemeral`: a subscription of this process alone,
   * from now until it is closed.
   */
  readonly lifetime: 'durable' | 'ephemeral';
  readonly handle: EventHandler;
  /** Keeps what the group could not handle, where the transport has no place for it. */
  readonly onDeadLetter?: (letter: DeadLetter) => Promise<void>;
}

export interface EventSubscription {
  /** Takes no more events and waits for those that are being handled. */
  close(): Promise<void>;
}

/**
 * Carries events from the outbox to their consumers: at least once, in order for each subject.
 */
export interface EventBus {
  /**
   * Makes ready to publish a service's events: what the transport needs for them, and a place where they wait for each group
   * that consumes them.
   *
   * Where some of that is missing, the transport has never had, or no longer has, what was published before: `onNew` is awaited
   * first, so that it is published again whatever happens from then on. Only this makes what is missing.
   *
   * @throws when the transport cannot be reached; what `onNew` throws
   */
  prepare(source: EventSource, onNew: () => Promise<void>): Promise<void>;
  /** Publishes events, in their order for each subject. Never throws for what the transport does: it is in the outcome. */
  publish(events: readonly EventEnvelope[]): Promise<PublishOutcome>;
  /**
   * Resolves when events that are published from now on arrive.
   *
   * @throws when the transport cannot be reached, or a service whose events are wanted has never been ready to publish
   */
  subscribe(options: SubscribeOptions): Promise<EventSubscription>;
  /** @throws when the transport cannot be reached */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** No further try can handle this event: its version is not known, or its data are not what its type says. */
export class PoisonEvent extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PoisonEvent';
  }
}

/** An event that a group could not handle. */
export interface DeadLetter {
  readonly event: EventEnvelope;
  readonly group: string;
  /** The last failure, in words. */
  readonly error: string;
  readonly attempts: number;
}
