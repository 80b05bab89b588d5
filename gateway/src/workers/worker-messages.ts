import type { HostMessage, GuestMessage } from '@taskgraph/federation-engine/internal/supergraph/planner-sharing.js';
import type { HealthReport, LogLevel, MetricValues } from '@taskgraph/service-kit';

/*
 * What the primary and its workers say to each other; everything can be cloned.
 */

/** What a worker is asked for. */
export interface Answers {
  readonly metrics: MetricValues;
  readonly health: HealthReport;
}

export type ToWorker =
  | { readonly kind: 'planner'; readonly message: HostMessage }
  | { readonly kind: 'ask'; readonly id: number; readonly about: keyof Answers }
  | { readonly kind: 'log level'; readonly level: LogLevel }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'planner'; readonly message: GuestMessage }
  /** It takes requests. */
  | { readonly kind: 'serving' }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[keyof Answers] };
