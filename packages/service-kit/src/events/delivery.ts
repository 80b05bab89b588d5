import { setTimeout as delay } from 'node:timers/promises';
import type { EventEnvelope } from '@taskgraph/contracts';
import { MAX_DELIVERIES, PoisonEvent, type EventHandler } from './event-bus.js';
import type { Slots } from './subject-lanes.js';

export type DeliveryOutcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'dead'; readonly attempts: number; readonly error: string }
  /** The signal came before the event was handled. */
  | { readonly kind: 'interrupted'; readonly nextAttempt: number };

export interface DeliveryOptions {
  readonly event: EventEnvelope;
  readonly handle: EventHandler;
  /** 1, or more when tries have been made before. */
  readonly attempt: number;
  /** Before the second try; each further wait is four times as long, a minute at most. */
  readonly retryDelayMs: number;
  /** Bounds how many events are handled at once. Whoever waits for its next try holds no slot. */
  readonly slots: Slots;
  /** Ends the tries; one that is under way finishes. */
  readonly signal: AbortSignal;
}

const RETRY_FACTOR = 4;
const MAX_RETRY_DELAY_MS = 60_000;
const MAX_CAUSES = 4;
const MAX_ERROR_CHARACTERS = 900;

/**
 * Gives an event to a handler until it is handled or is a dead letter.
 *
 * The tries are made here, in place, rather than by giving the event back to the transport: meanwhile the later events of its
 * subject would be handled before it.
 */
export async function deliver(options: DeliveryOptions): Promise<DeliveryOutcome> {
  const { event, handle, slots, signal } = options;
  for (let attempt = options.attempt; ; attempt++) {
    try {
      const tried = await slots(async () => {
        if (signal.aborted) return false;
        await handle(event, { attempt });
        return true;
      });
      return tried ? { kind: 'handled' } : { kind: 'interrupted', nextAttempt: attempt };
    } catch (error) {
      if (error instanceof PoisonEvent || attempt >= MAX_DELIVERIES)
        return { kind: 'dead', attempts: attempt, error: describeFailure(error) };
    }
    const waitMs = Math.min(options.retryDelayMs * RETRY_FACTOR ** (attempt - options.attempt), MAX_RETRY_DELAY_MS);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** An error and what caused it, in one line that an attribute of a message can hold. */
export function describeFailure(error: unknown): string {
  const parts: string[] = [];
  let cause = error;
  for (; cause instanceof Error && parts.length < MAX_CAUSES; cause = cause.cause)
    parts.push(cause.message || cause.name);
  if (typeof cause === 'string') parts.push(cause);
  const text = parts.join(' ← ').replace(/\s+/g, ' ').trim();
  return text.slice(0, MAX_ERROR_CHARACTERS) || 'unknown';
}
