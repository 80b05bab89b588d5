import { setTimeout as delay } from 'node:timers/promises';
import type { EventEnvelope } from '@taskgraph/contracts';
import { AppError } from '../app-error.js';
import { toDatabaseFault } from '../database-faults.js';
import { MAX_DELIVERIES, PoisonEvent, type EventHandler } from './event-bus.js';
import type { Slots } from './subject-lanes.js';

type DeliveryOutcome =
  | { readonly kind: 'handled' }
  | { readonly kind: 'dead'; readonly attempts: number; readonly error: string }
  /** What the handler needs is away, and was for as long as tries are made. */
  | { readonly kind: 'away'; readonly error: string }
  /** The signal came before the event was handled. */
  | { readonly kind: 'interrupted'; readonly nextAttempt: number };

export interface DeliveryOptions {
  readonly event: EventEnvelope;
  readonly handle: EventHandler;
  /** 1, or more when tries have been made before. */
  readonly attempt: number;
  /** Before the second try; each further wait is four times as long, a minute at most. */
  readonly retryDelayMs: number;
  /** Bounds how many events are handled at once. An event that waits for its next try holds no slot. */
  readonly slots: Slots;
  /** Whether to wait as long as what the handler needs is away; otherwise it is waited for as for any failure. */
  readonly isPatient: boolean;
  /** Ends the tries; one that is under way finishes. */
  readonly signal: AbortSignal;
}

const RETRY_FACTOR = 4;
const MAX_RETRY_DELAY_MS = 60_000;
/** What is away is back any moment. */
const MAX_AWAY_DELAY_MS = 5_000;
const MAX_CAUSES = 4;
const MAX_ERROR_CHARACTERS = 900;

/**
 * Gives an event to a handler until it is handled or is a dead letter.
 *
 * The tries are made here, in place, rather than by giving the event back to the transport: meanwhile the later events of its
 * subject would be handled before it.
 *
 * A try that fails because the database is away, or hangs, says nothing about the event, so it is not counted: an outage makes no dead
 * letters.
 */
export async function deliver(options: DeliveryOptions): Promise<DeliveryOutcome> {
  const { event, handle, slots, signal } = options;
  let attempt = options.attempt;
  for (let waits = 0; ; waits++) {
    let mostMs = MAX_RETRY_DELAY_MS;
    try {
      const tried = await slots(async () => {
        if (signal.aborted) return false;
        await handle(event, { attempt });
        return true;
      });
      return tried ? { kind: 'handled' } : { kind: 'interrupted', nextAttempt: attempt };
    } catch (error) {
      if (isAway(error)) {
        if (!options.isPatient && waits + 1 >= MAX_DELIVERIES) return { kind: 'away', error: describeFailure(error) };
        mostMs = MAX_AWAY_DELAY_MS;
      } else {
        if (error instanceof PoisonEvent || attempt >= MAX_DELIVERIES)
          return { kind: 'dead', attempts: attempt, error: describeFailure(error) };
        attempt++;
      }
    }
    const waitMs = Math.min(options.retryDelayMs * RETRY_FACTOR ** waits, mostMs);
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A database that is too slow, like one that hangs, says nothing about the event either. */
function isAway(error: unknown): boolean {
  const fault = error instanceof AppError ? error : toDatabaseFault(error, 'consumer');
  return fault?.code === 'UNAVAILABLE' || fault?.reason === 'DATABASE_TOO_SLOW';
}

/** An error and what caused it, in one line that an attribute of a message can hold. */
function describeFailure(error: unknown): string {
  const parts: string[] = [];
  let cause = error;
  for (; cause instanceof Error && parts.length < MAX_CAUSES; cause = cause.cause)
    parts.push(cause.message || cause.name);
  if (typeof cause === 'string') parts.push(cause);
  const text = parts.join(' ← ').replace(/\s+/g, ' ').trim();
  return text.slice(0, MAX_ERROR_CHARACTERS) || 'unknown';
}
