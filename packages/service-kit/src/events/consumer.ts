import {
  eventName,
  isEventType,
  TOPIC_BY_SOURCE,
  type DomainEvent,
  type EventEnvelope,
  type EventSource,
  type EventTopic,
  type EventType,
} from '@taskgraph/contracts';
import type { Log } from '../log.js';
import type { TransactionalClient, Tx } from '../transaction.js';
import { PoisonEvent, type EventBus, type EventHandler, type EventSubscription } from './event-bus.js';
import type { EventTelemetry } from './event-telemetry.js';
import { handleOnce, type InboxOutcome } from './inbox.js';
import { parseEventData, type RawSqlClient } from './outbox.js';

/** Done when a transaction has been committed, such as to wake the work that goes on with it. */
export type AfterCommit = () => void;

/** What a group does about events, each in the transaction that notes that it was handled. */
export type EventHandlers<Client> = {
  readonly [Type in EventType]?: (
    tx: Tx<Client>,
    event: DomainEvent<Type>,
    log: Log,
  ) => Promise<void> | Promise<AfterCommit>;
};

interface ConsumerOptions<Client extends RawSqlClient> {
  readonly group: string;
  readonly db: TransactionalClient<Client>;
  readonly handlers: EventHandlers<Client>;
  readonly log: Log;
  readonly telemetry: EventTelemetry;
}

/**
 * Makes the handler of a group. An event that the group does not know by name is none of its business; one that it knows in
 * another version is a dead letter, so that it can be replayed when the group has learnt it.
 */
export function createEventHandler<Client extends RawSqlClient>(options: ConsumerOptions<Client>): EventHandler {
  const { group, db, log, telemetry } = options;
  const handlers = options.handlers as Record<
    string,
    ((tx: Tx<Client>, event: DomainEvent, log: Log) => Promise<void | AfterCommit>) | undefined
  >;
  const names = new Set(Object.keys(handlers).map(eventName));

  async function handle(event: EventEnvelope): Promise<InboxOutcome | 'ignored'> {
    const handler = handlers[event.type];
    if (!handler || !isEventType(event.type)) {
      if (names.has(eventName(event.type))) throw new PoisonEvent(`this group does not know ${event.type}`);
      return 'ignored';
    }
    const parsed = parseOrPoison(event, event.type);
    const child = log.child({ eventId: event.id, requestId: event.requestId });
    let after: AfterCommit | undefined;
    const outcome = await handleOnce(db, group, parsed, async (tx) => {
      after = (await handler(tx, parsed, child)) ?? undefined;
    });
    after?.();
    return outcome;
  }

  return async (event) => {
    try {
      telemetry.consumed(log, group, event, await handle(event));
    } catch (error) {
      telemetry.consumed(log, group, event, error instanceof PoisonEvent ? 'poison' : 'error', error);
      throw error;
    }
  };
}

function parseOrPoison<Type extends EventType>(event: EventEnvelope, type: Type): DomainEvent<Type> {
  try {
    return parseEventData(event, type);
  } catch (cause) {
    throw new PoisonEvent(`the data of ${type} are not what its type says`, { cause });
  }
}

/** The topics of the events that are handled. */
export function topicsOf(handlers: EventHandlers<never>): EventTopic[] {
  const sources = Object.keys(handlers).map((type) => type.split('.')[0] as EventSource);
  return [...new Set(sources.map((source) => TOPIC_BY_SOURCE[source]))];
}

const RETRY_MS = 500;

interface RetryingSubscription {
  close(): Promise<void>;
}

/** Subscribes as soon as the transport can be reached: a service starts without it. */
export function subscribeWhenPossible(
  bus: EventBus,
  options: Parameters<EventBus['subscribe']>[0],
  { log, retryMs = RETRY_MS }: { log: Log; retryMs?: number },
): RetryingSubscription {
  let closed = false;
  let timer: NodeJS.Timeout | null = null;
  let subscription: EventSubscription | null = null;
  let failing = false;

  async function attempt(): Promise<void> {
    try {
      const made = await bus.subscribe(options);
      if (closed) await made.close();
      else subscription = made;
      if (failing) log.info({ group: options.group }, 'subscribed to events');
    } catch (error) {
      if (closed) return;
      if (!failing) log.warn({ err: error, group: options.group }, 'cannot subscribe to events yet');
      failing = true;
      timer = setTimeout(() => {
        underWay = attempt();
      }, retryMs);
    }
  }
  let underWay = attempt();

  return {
    async close() {
      closed = true;
      if (timer) clearTimeout(timer);
      await underWay;
      await subscription?.close();
    },
  };
}
