import { EVENT_TOPICS, type EventEnvelope } from '@taskgraph/contracts';
import { subscribeWhenPossible, type EventBus, type Log } from '@taskgraph/service-kit';
import type { NamedEntities } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';

interface EventInvalidationOptions {
  readonly bus: EventBus;
  /** Whether all gateways have one cache: then one of them hears of a change for all. */
  readonly sharedCache: boolean;
  readonly invalidate: (changed: NamedEntities) => Promise<void>;
  readonly onEvent: (type: string) => void;
  readonly log: Log;
}

/** The group of gateways. */
const GROUP = 'gateway';

/** Forgets what has changed as soon as a service says so, whichever client changed it. */
export function invalidateOnEvents({ bus, sharedCache, invalidate, onEvent, log }: EventInvalidationOptions): {
  close(): Promise<void>;
} {
  return subscribeWhenPossible(
    bus,
    {
      group: GROUP,
      topics: EVENT_TOPICS,
      lifetime: sharedCache ? 'durable' : 'ephemeral',
      handle: async (event) => {
        await invalidate(namedBy(event));
        onEvent(event.type);
      },
    },
    { log },
  );
}

/**
 * Tells what an event names. Members of its data are named after what they identify: `taskId` is the id of a `Task`,
 * `mediaIds` are those of `Media`; so no event needs to be known here. Lists of the service that has changed are named too.
 */
export function namedBy({ source, data }: Pick<EventEnvelope, 'source' | 'data'>): NamedEntities {
  const entities: Array<{ typename: string; id: string }> = [];
  for (const [member, value] of Object.entries((data ?? {}) as Record<string, unknown>)) {
    const name = /^([a-z]\w*?)Ids?$/.exec(member)?.[1];
    if (name === undefined) continue;
    const typename = name.charAt(0).toUpperCase() + name.slice(1);
    for (const id of Array.isArray(value) ? (value as unknown[]) : [value])
      if (typeof id === 'string') entities.push({ typename, id });
  }
  return { entities, types: [], lists: [source] };
}
