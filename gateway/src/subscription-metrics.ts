import { isErrorCode } from '@taskgraph/contracts';
import type { Subscription, Transport } from '@taskgraph/federation-engine/internal/live/subscription.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';
import { fromZero, type Metrics, type Tracing } from '@taskgraph/service-kit';
import { traceRuns } from './traces.js';

/** Log line and counter together, as in `telemetry.ts`. */
export function createSubscriptionTelemetry(metrics: Metrics, tracing: Tracing | null): SubscriptionTelemetry {
  const active = metrics.gauge('taskgraph_gateway_subscriptions', 'Subscriptions of clients.', ['transport']);
  const ends = metrics.counter('taskgraph_gateway_subscriptions_ended_total', 'Subscriptions that are over.', [
    'transport',
    'reason',
  ]);
  const events = metrics.counter('taskgraph_gateway_subscription_events_total', 'Events delivered to clients.');
  const errors = metrics.counter(
    'taskgraph_gateway_subscription_errors_total',
    'Errors in events, once for each run.',
    ['code'],
  );
  const runs = metrics.histogram(
    'taskgraph_gateway_subscription_run_duration_seconds',
    'Time from an event to the answer for those who get the same.',
    ['outcome'],
  );
  const drops = metrics.counter('taskgraph_gateway_subscription_events_dropped_total', 'Events not delivered.', [
    'reason',
  ]);
  fromZero(drops, 'reason', ['duplicate', 'queue-full', 'slow-consumer']);
  const reconnects = metrics.counter(
    'taskgraph_gateway_subscription_reconnects_total',
    'Tries to subscribe again at a subgraph after its connection was lost.',
    ['subgraph'],
  );
  const behind = metrics.counter(
    'taskgraph_gateway_subscription_groups_behind_total',
    'Times that clients with slow fetches were given a subscription of their own at a subgraph.',
    ['subgraph'],
  );
  const upstreams = metrics.gauge('taskgraph_gateway_subgraph_subscriptions', 'Subscriptions at subgraphs.', [
    'subgraph',
  ]);
  const sockets = metrics.gauge('taskgraph_gateway_websockets', 'WebSocket connections of clients.');

  const facts = ({ name, outlet, requestId }: Subscription) => ({
    operation: name,
    transport: outlet.transport,
    requestId,
  });
  const count = (transport: Transport, by: 1 | -1) => active.inc({ transport }, by);

  return {
    traceRun: tracing ? traceRuns(tracing) : undefined,
    started(log, subscription) {
      count(subscription.outlet.transport, 1);
      log.info(facts(subscription), 'subscription started');
    },
    ended(log, subscription, reason) {
      const { transport } = subscription.outlet;
      count(transport, -1);
      ends.inc({ transport, reason });
      const durationMs = Math.round(performance.now() - subscription.startedAt);
      log.info({ ...facts(subscription), events: subscription.events, reason, durationMs }, 'subscription ended');
    },
    startRun() {
      const stop = runs.startTimer();
      return (outcome) => void stop({ outcome });
    },
    delivered(clients, errorCodes) {
      events.inc(clients);
      for (const code of errorCodes) errors.inc({ code: isErrorCode(code) ? code : 'OTHER' });
    },
    dropped(reason) {
      drops.inc({ reason });
    },
    reconnecting(subgraph) {
      reconnects.inc({ subgraph });
    },
    fellBehind(subgraph) {
      behind.inc({ subgraph });
    },
    watchUpstreams(counts) {
      (upstreams as unknown as { collect: () => void }).collect = () => {
        upstreams.reset();
        for (const [subgraph, number] of counts()) upstreams.set({ subgraph }, number);
      };
    },
    watchSockets(counted) {
      (sockets as unknown as { collect: () => void }).collect = () => sockets.set(counted());
    },
  };
}
