import type { EventEnvelope } from '@taskgraph/contracts';
import { endWith, type Tracing } from '../tracing/span.js';
import type { EventBus, EventHandler } from './event-bus.js';

/** Puts publishing and handling of events into the traces of what has caused them; of others nothing is told. */
export function tracedBus(bus: EventBus, tracing: Tracing): EventBus {
  return {
    prepare: (source, onNew) => bus.prepare(source, onNew),
    ping: () => bus.ping(),
    close: () => bus.close(),
    async publish(events) {
      const spans = events.map((event) =>
        event.traceparent === undefined
          ? null
          : tracing.start(`publish ${event.type}`, event.traceparent, {
              kind: 'producer',
              attributes: attributesOf(event),
            }),
      );
      // The handling of an event comes behind its publication, and not beside it.
      const outcome = await bus.publish(
        events.map((event, index) => ({ ...event, ...(spans[index] && { traceparent: spans[index].traceparent }) })),
      );
      spans.forEach((span, index) => {
        const failure = outcome.failed.get(events[index]?.id ?? '');
        if (failure) span?.fail(failure);
        span?.end();
      });
      return outcome;
    },
    subscribe: (options) =>
      bus.subscribe({ ...options, handle: tracedHandler(options.group, options.handle, tracing) }),
  };
}

function tracedHandler(group: string, handle: EventHandler, tracing: Tracing): EventHandler {
  return (event, delivery) => {
    if (event.traceparent === undefined) return handle(event, delivery);
    const span = tracing.start(`handle ${event.type}`, event.traceparent, {
      kind: 'consumer',
      attributes: {
        ...attributesOf(event),
        'messaging.consumer.group.name': group,
        'taskgraph.delivery.attempt': delivery.attempt,
      },
    });
    return endWith(span, () => handle(event, delivery));
  };
}

function attributesOf({ id, type, source, requestId }: EventEnvelope) {
  return {
    'messaging.message.id': id,
    'taskgraph.event.type': type,
    'taskgraph.event.source': source,
    'taskgraph.request.id': requestId,
  };
}
