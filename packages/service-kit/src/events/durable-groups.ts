import { EVENT_SOURCES, EVENTS, TOPIC_BY_SOURCE, type EventSource, type EventTopic } from '@taskgraph/contracts';

/** A group that gets every event of its topics, also of the time while it was away. */
export interface DurableGroup {
  readonly group: string;
  readonly topics: readonly EventTopic[];
}

/**
 * The groups of the services, as the table of events names its consumers. They are known before a service runs for the first
 * time, so that what is published until then waits for it.
 */
export function durableGroups(): DurableGroup[] {
  return EVENT_SOURCES.map((group) => ({ group, topics: topicsOfConsumer(group) })).filter(
    ({ topics }) => topics.length > 0,
  );
}

function topicsOfConsumer(group: EventSource): EventTopic[] {
  const sources = Object.entries(EVENTS)
    .filter(([, { consumers }]) => (consumers as readonly string[]).includes(group))
    .map(([type]) => type.split('.')[0] as EventSource);
  return [...new Set(sources)].map((source) => TOPIC_BY_SOURCE[source]);
}
