import type { EventSource } from '@taskgraph/contracts';
import type pg from 'pg';
import type { Health } from '../health.js';
import type { LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { Tracing } from '../tracing/span.js';
import type { TransactionalClient } from '../transaction.js';
import { createEventHandler, subscribeWhenPossible, topicsOf, type EventHandlers } from './consumer.js';
import { keepDeadLetter } from './dead-letters.js';
import type { EventBus } from './event-bus.js';
import { createEventTelemetry } from './event-telemetry.js';
import type { RawSqlClient } from './outbox.js';
import { tracedBus } from './traced-bus.js';
import { createOutboxRelay, type RelayTimings } from './outbox-relay.js';

interface ServiceEventsOptions<Client extends RawSqlClient> {
  readonly source: EventSource;
  readonly connectionString: string;
  readonly pool: pg.Pool;
  readonly db: TransactionalClient<Client>;
  /** Null when no transport is configured: events wait in the outbox, and none arrive. */
  readonly bus: EventBus | null;
  readonly feed: LiveFeed;
  readonly handlers: EventHandlers<Client>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly tracing?: Tracing | null;
  readonly timings?: Partial<RelayTimings>;
}

/** The part of a service that publishes its events and handles those of others. */
interface ServiceEvents {
  start(): void;
  close(): Promise<void>;
}

/** Relays the service's outbox and subscribes its handlers; the service's name is that of its group. */
export function createServiceEvents<Client extends RawSqlClient>(options: ServiceEventsOptions<Client>): ServiceEvents {
  const { source, pool, db, feed, handlers, log, metrics, health } = options;
  const bus = options.bus && options.tracing ? tracedBus(options.bus, options.tracing) : options.bus;
  const telemetry = createEventTelemetry(metrics);
  const relay = createOutboxRelay({
    source,
    connectionString: options.connectionString,
    bus,
    feed,
    log,
    telemetry,
    ...(options.timings && { timings: options.timings }),
  });
  if (bus) health.register('events', () => bus.ping(), { critical: false });
  if (feed.shared) health.register('live feed', () => feed.ping(), { critical: false });
  let subscription: { close(): Promise<void> } | null = null;
  const topics = topicsOf(handlers);

  return {
    start() {
      relay.start();
      if (!bus || topics.length === 0) return;
      telemetry.listens(source);
      subscription = subscribeWhenPossible(
        bus,
        {
          group: source,
          topics,
          lifetime: 'durable',
          handle: createEventHandler({ group: source, db, handlers, log, telemetry }),
          onDeadLetter: async (letter) => {
            await keepDeadLetter(pool, letter);
            telemetry.deadLettered(log, letter);
          },
        },
        { log },
      );
    },
    async close() {
      await subscription?.close();
      await relay.close();
    },
  };
}
