import { Fault } from '../request/fault.js';
import type { GraphDescription } from './planner/planner-messages.js';
import { PlanTooExpensive } from './planner-thread.js';

/*
 * What processes say to each other of which one has the planner and the watch of the supergraph (the host), and the others serve (its
 * guests). Everything can be cloned.
 */

/** From a guest. Its numbers of versions are its own. */
export type GuestMessage =
  /** Wants the supergraph, and each that comes in its place. */
  | { readonly kind: 'join' }
  | { readonly kind: 'load'; readonly id: number; readonly version: number; readonly supergraph: string }
  | {
      readonly kind: 'plan';
      readonly id: number;
      readonly version: number;
      readonly text: string;
      readonly operationName: string | undefined;
      readonly labels: readonly string[] | undefined;
      readonly client: string | undefined;
    }
  | { readonly kind: 'release'; readonly version: number };

/** From the host. An answer has the id of its question. */
export type HostMessage =
  | { readonly kind: 'supergraph'; readonly text: string }
  | { readonly kind: 'loaded'; readonly id: number; readonly description: GraphDescription }
  | { readonly kind: 'planned'; readonly id: number; readonly plan: string }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError };

/** An error on its way; of classes of errors, only a name arrives. */
type SentError =
  | {
      readonly kind: 'fault';
      readonly code: string;
      readonly message: string;
      readonly reason: string | undefined;
      readonly extensions: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'too expensive'; readonly message: string }
  | { readonly kind: 'other'; readonly message: string };

export function toSentError(error: unknown): SentError {
  if (error instanceof Fault) {
    const { code, message, reason, details } = error;
    return { kind: 'fault', code, message, reason, extensions: details };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { kind: error instanceof PlanTooExpensive ? 'too expensive' : 'other', message };
}

export function fromSentError(sent: SentError): Error {
  const { kind, message } = sent;
  if (kind === 'fault') return new Fault(sent.code, message, { reason: sent.reason, extensions: sent.extensions });
  return kind === 'too expensive' ? new PlanTooExpensive(message) : new Error(message);
}
