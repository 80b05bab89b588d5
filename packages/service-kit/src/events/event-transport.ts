import { createMemoryLiveFeed, type LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { createRedisLiveFeed } from '../redis-live-feed.js';
import type { EventBus } from './event-bus.js';
import { createPubSubEventBus } from './pubsub-event-bus.js';

/** What carries events out of a service, and wakes the subscriptions that wait for them. */
export interface EventTransport {
  /** Null when none is configured: events wait in the outbox. */
  readonly bus: EventBus | null;
  readonly feed: LiveFeed;
  close(): Promise<void>;
}

interface EventTransportSettings {
  readonly PUBSUB_PROJECT_ID?: string | undefined;
  readonly REDIS_URL?: string | undefined;
}

const LIVE_PREFIX = 'taskgraph:live:';

/** Opens what the settings name: Pub/Sub and Redis, or nothing beyond this process. */
export function openEventTransport(
  { PUBSUB_PROJECT_ID: projectId, REDIS_URL: redisUrl }: EventTransportSettings,
  { log, metrics }: { log: Log; metrics: Metrics },
): EventTransport {
  const bus = openEventBus(projectId, { log, metrics });
  const feed = openLiveFeed(redisUrl, { log, metrics }) ?? createMemoryLiveFeed();
  return {
    bus,
    feed,
    async close() {
      await bus?.close();
      await feed.close();
    },
  };
}

/** The feed of all processes of an installation; null where there is no Redis for it. */
export function openLiveFeed(
  redisUrl: string | undefined,
  { log, metrics }: { log: Log; metrics: Metrics },
): LiveFeed | null {
  return redisUrl === undefined ? null : createRedisLiveFeed({ url: redisUrl, prefix: LIVE_PREFIX, log, metrics });
}

/** Pub/Sub when there is a project; null when there is none. */
export function openEventBus(
  projectId: string | undefined,
  { log, metrics }: { log: Log; metrics: Metrics },
): EventBus | null {
  return projectId === undefined ? null : createPubSubEventBus({ projectId, log, metrics });
}
