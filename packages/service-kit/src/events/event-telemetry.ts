import type { EventEnvelope } from '@taskgraph/contracts';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { DeadLetter } from './event-bus.js';
import type { InboxOutcome } from './inbox.js';
import type { OutboxRow } from './outbox.js';

type HandlingOutcome = InboxOutcome | 'ignored' | 'error' | 'poison';
/** In the words that all metrics have. */
const LABELS = { handled: 'ok', known: 'duplicate' } as const;
const labelOf = (outcome: HandlingOutcome) =>
  outcome === 'handled' || outcome === 'known' ? LABELS[outcome] : outcome;

/** What happens to events: counter and log line together. Ids go to the log, never into labels. */
export interface EventTelemetry {
  relaying(leads: boolean): void;
  /** The oldest rows that are not published yet. */
  outboxWaiting(rows: readonly OutboxRow[]): void;
  outboxDrained(): void;
  published(
    log: Log,
    rows: readonly OutboxRow[],
    published: readonly string[],
    failed: ReadonlyMap<string, Error>,
  ): void;
  transportAway(log: Log, error: unknown): void;
  consumed(log: Log, group: string, event: EventEnvelope, outcome: HandlingOutcome, error?: unknown): void;
  /** A group hears of events from now on. */
  listens(group: string): void;
  deadLettered(log: Log, letter: DeadLetter): void;
}

export function createEventTelemetry(metrics: Metrics): EventTelemetry {
  const leading = metrics.gauge('taskgraph_outbox_relaying', 'Whether this process relays the outbox: 1 or 0.');
  const waiting = metrics.gauge(
    'taskgraph_outbox_waiting_events',
    'Events that wait to be published, as far as the relay has looked (500 at most).',
  );
  const oldest = metrics.gauge(
    'taskgraph_outbox_oldest_waiting_timestamp_seconds',
    'When the oldest event that waits was written; 0 when none waits.',
  );
  const lag = metrics.histogram('taskgraph_outbox_lag_seconds', 'Time from writing an event to its publication.');
  const publications = metrics.counter('taskgraph_events_published_total', 'Events given to the transport.', [
    'type',
    'outcome',
  ]);
  const deliveries = metrics.counter('taskgraph_events_consumed_total', 'Events delivered to a group.', [
    'group',
    'outcome',
  ]);
  const dead = metrics.counter('taskgraph_events_dead_total', 'Events that a group could not handle.', ['group']);
  return {
    relaying: (leads) => leading.set(leads ? 1 : 0),
    outboxWaiting(rows) {
      waiting.set(rows.length);
      oldest.set(rows[0] ? Date.parse(rows[0].event.time) / 1000 : 0);
    },
    outboxDrained() {
      waiting.set(0);
      oldest.set(0);
    },
    published(log, rows, published, failed) {
      const done = new Set(published);
      const now = Date.now();
      for (const { event } of rows) {
        const outcome = done.has(event.id) ? 'ok' : 'error';
        publications.inc({ type: event.type, outcome });
        if (outcome === 'ok') lag.observe(Math.max(0, now - Date.parse(event.time)) / 1000);
      }
      if (published.length > 0) log.debug({ count: published.length }, 'events published');
      const [failure] = failed.values();
      if (failure)
        log.warn({ err: failure, count: failed.size }, 'events could not be published; they are tried again');
    },
    transportAway(log, error) {
      log.warn({ err: error }, 'the transport of events cannot be reached; they wait in the outbox');
    },
    consumed(log, group, { id, type, subject, requestId }, handling, error) {
      const outcome = labelOf(handling);
      deliveries.inc({ group, outcome });
      const facts = { group, eventId: id, type, subject, outcome, requestId };
      if (outcome === 'error' || outcome === 'poison') log.warn({ ...facts, err: error }, 'event not handled');
      else if (outcome === 'late') log.info(facts, 'event came too late: a later one has settled what it is about');
      else log.debug(facts, 'event');
    },
    // From zero: of a counter that begins with its first event, that one is no growth.
    listens: (group) => dead.inc({ group }, 0),
    deadLettered(log, { event, group, error, attempts }) {
      dead.inc({ group });
      const { id, type, subject, requestId } = event;
      log.error({ group, eventId: id, type, subject, requestId, error, attempts }, 'dead letter');
    },
  };
}
