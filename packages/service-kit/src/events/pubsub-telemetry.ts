import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { DeadLetterFacts } from './pubsub-dead-letters.js';

/** What happens to the transport itself: counter and log line together. */
export interface PubSubTelemetry {
  /** A group takes a topic: of a counter that begins with its first event, that one is no growth. */
  listens(place: { readonly group: string; readonly topic: string }): void;
  streamLost(log: Log, place: { readonly group: string; readonly topic: string }, error: Error | undefined): void;
  buried(log: Log, facts: DeadLetterFacts, eventId: string | undefined): void;
}

export function createPubSubTelemetry(metrics: Metrics | undefined): PubSubTelemetry {
  const lost = metrics?.counter(
    'taskgraph_pubsub_streams_lost_total',
    'Streams of events that had to be opened anew.',
    ['group', 'topic'],
  );
  const buried = metrics?.counter('taskgraph_pubsub_dead_letters_total', 'Messages that became dead letters.', [
    'group',
    'topic',
  ]);
  return {
    listens({ group, topic }) {
      for (const counter of [lost, buried]) counter?.inc({ group, topic }, 0);
    },
    streamLost(log, { group, topic }, error) {
      lost?.inc({ group, topic });
      log.warn({ err: error, group, topic }, 'the stream of events has ended; it is opened anew');
    },
    buried(log, { group, topic, error, attempts }, eventId) {
      buried?.inc({ group, topic });
      log.error({ group, topic, eventId, error, attempts }, 'dead letter');
    },
  };
}
