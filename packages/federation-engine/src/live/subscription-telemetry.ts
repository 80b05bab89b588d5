import type { Log } from '../request/log.js';
import type { EndReason, Subscription } from './subscription.js';

/** What is told of subscriptions. */
export interface SubscriptionTelemetry {
  started(log: Log, subscription: Subscription): void;
  ended(log: Log, subscription: Subscription, reason: EndReason): void;
  /** Returns the function that ends the measurement of one event's run. */
  startRun(): (outcome: 'ok' | 'error') => void;
  /** Runs an event within the trace of what has caused it; absent where nothing is traced. */
  readonly traceRun?: (<Result>(trace: string | undefined, run: () => Promise<Result>) => Promise<Result>) | undefined;
  delivered(clients: number, errorCodes: readonly string[]): void;
  /** An event that a client does not get. */
  dropped(reason: 'duplicate' | 'queue-full' | 'slow-consumer'): void;
  reconnecting(subgraph: string): void;
  /** A group could not keep up with the others of its subscription at a subgraph, and goes on by itself. */
  fellBehind(subgraph: string): void;
  watchUpstreams(counts: () => ReadonlyMap<string, number>): void;
  watchSockets(count: () => number): void;
}

const nothing = () => undefined;

/** Tells nobody. */
export const NO_SUBSCRIPTION_TELEMETRY: SubscriptionTelemetry = {
  started: nothing,
  ended: nothing,
  startRun: () => nothing,
  delivered: nothing,
  dropped: nothing,
  reconnecting: nothing,
  fellBehind: nothing,
  watchUpstreams: nothing,
  watchSockets: nothing,
};
