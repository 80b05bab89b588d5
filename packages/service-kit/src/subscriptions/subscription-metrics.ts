import type { Metrics } from '../metrics.js';

/** What is counted of WebSockets and of the subscriptions on them. */
interface SubscriptionMetrics {
  /** Returns the function to call when the connection is closed. */
  connectionOpened(): (code: number) => void;
  /** Returns the function to call when the subscription is over. */
  subscriptionStarted(field: string): () => void;
  eventSent(field: string): void;
}

export function createSubscriptionMetrics(metrics: Metrics): SubscriptionMetrics {
  const connections = metrics.gauge('taskgraph_subscription_connections', 'WebSockets that are open.');
  const closed = metrics.counter('taskgraph_subscription_connections_closed_total', 'WebSockets closed.', ['code']);
  const active = metrics.gauge('taskgraph_subscriptions_active', 'Subscriptions that run.', ['field']);
  const events = metrics.counter('taskgraph_subscription_events_total', 'Events told to subscribers.', ['field']);
  return {
    connectionOpened() {
      connections.inc();
      return (code) => {
        connections.dec();
        closed.inc({ code: KNOWN_CODES.has(code) ? String(code) : 'other' });
      };
    },
    subscriptionStarted(field) {
      active.inc({ field });
      return () => active.dec({ field });
    },
    eventSent(field) {
      events.inc({ field });
    },
  };
}

/** Clients choose close codes freely; a label has few values. */
const KNOWN_CODES = new Set([1000, 1001, 1005, 1006, 1009, 1012, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429, 4500]);
