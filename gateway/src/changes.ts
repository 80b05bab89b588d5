import {
  openEventBus,
  tracedBus,
  type EventBus,
  type Health,
  type Log,
  type Metrics,
  type Tracing,
} from '@taskgraph/service-kit';
import type { NamedEntities } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import type { GatewayConfig } from './config.js';
import { invalidateOnEvents } from './event-invalidation.js';

interface ChangesSurroundings {
  /** In the place of what the settings name; closed by its owner. */
  readonly bus: EventBus | undefined;
  readonly invalidate: (changed: NamedEntities) => Promise<void>;
  readonly onEvent: (type: string) => void;
  readonly tracing: Tracing | null;
  readonly health: Health;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Listens for what services tell of their changes, so that nothing is kept that has changed; where no bus is set, for nothing. */
export function listenForChanges(
  config: GatewayConfig,
  { bus: given, invalidate, onEvent, tracing, health, log, metrics }: ChangesSurroundings,
): { readonly onClose: ReadonlyArray<() => Promise<void>> } {
  const bus = given ?? openEventBus(config.PUBSUB_PROJECT_ID, { log, metrics });
  if (!bus) return { onClose: [] };
  health.register('events', () => bus.ping(), { critical: false });
  const invalidation = invalidateOnEvents({
    bus: tracing ? tracedBus(bus, tracing) : bus,
    sharedCache: config.REDIS_URL !== undefined,
    invalidate,
    onEvent,
    log,
  });
  return { onClose: [() => invalidation.close(), ...(given ? [] : [() => bus.close()])] };
}
