import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Message, PubSub, Subscription } from '@google-cloud/pubsub';
import type { Log } from '../log.js';
import { deliver } from './delivery.js';
import type { EventHandler, EventSubscription } from './event-bus.js';
import { within, type PubSubLibrary } from './pubsub-client.js';
import { parseEnvelope, type DeadLetterFacts } from './pubsub-dead-letters.js';
import type { PubSubTelemetry } from './pubsub-telemetry.js';
import { createSlots, createSubjectLanes } from './subject-lanes.js';

export interface PubSubSubscriptionOptions {
  readonly library: PubSubLibrary;
  readonly client: PubSub;
  readonly group: string;
  readonly topic: string;
  /** Of the subscription in Pub/Sub. */
  readonly name: string;
  readonly handle: EventHandler;
  readonly retryDelayMs: number;
  /** Keeps what could not be handled. @throws when it cannot: it comes again then */
  readonly bury: (data: Uint8Array, facts: DeadLetterFacts) => Promise<void>;
  /** Creates the subscription in Pub/Sub unless it is there: an emulator forgets it when it is restarted. */
  readonly ensure: () => Promise<void>;
  readonly log: Log;
  readonly telemetry: PubSubTelemetry;
}

/** Events that this process holds of one subscription: handled, waiting behind one of their subject, or for their next try. */
const MAX_HELD_EVENTS = 200;
const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Events of one subscription that are handled at once. */
const CONCURRENCY = 16;
/** How soon another process gets the events of one that was killed. Shorter than that, a slow process would lose its own. */
const MAX_LEASE_SECONDS = 30;
const CALL_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_SECONDS = 30;
const ACK_BATCH_MS = 10;
const MIN_REOPEN_MS = 100;
const MAX_REOPEN_MS = 2_000;

/**
 * Receives the events of one group and topic for this process.
 *
 * An event is acknowledged when it is handled or buried, which is after the handler's transaction. The client library connects
 * again by itself when the network fails; where it gives up, the subscription is created if it is missing, and opened anew.
 */
export function openPubSubSubscription(options: PubSubSubscriptionOptions): EventSubscription {
  const { library, client, group, topic, name, log, telemetry } = options;
  const { Duration } = library;
  const lanes = createSubjectLanes();
  const slots = createSlots(CONCURRENCY);
  const closing = new AbortController();
  // Each event that waits for its next try listens.
  setMaxListeners(0, closing.signal);
  let current = open();
  let reopening: Promise<void> = Promise.resolve();

  function open(): Subscription {
    const subscription = client.subscription(name, {
      minAckDeadline: Duration.from({ seconds: 10 }),
      maxAckDeadline: Duration.from({ seconds: MAX_LEASE_SECONDS }),
      flowControl: { maxMessages: MAX_HELD_EVENTS, maxBytes: MAX_HELD_BYTES },
      // More streams would share the subjects out among themselves, for no gain at this size.
      streamingOptions: { maxStreams: 1, retryMaxBackoff: Duration.from({ millis: MAX_REOPEN_MS }) },
      batching: { maxMilliseconds: ACK_BATCH_MS, callOptions: within(CALL_TIMEOUT_MS) },
      closeOptions: {
        behavior: library.SubscriptionCloseBehaviors.WaitForProcessing,
        timeout: Duration.from({ seconds: CLOSE_TIMEOUT_SECONDS }),
      },
    });
    let lost = false;
    const onLost = (error?: Error) => {
      if (lost || closing.signal.aborted) return;
      lost = true;
      telemetry.streamLost(log, { group, topic }, error);
      reopening = reopen();
    };
    subscription.on('error', onLost);
    subscription.on('close', () => onLost());
    subscription.on('message', (message: Message) => {
      // Without an ordering key it is none of ours; it waits for nobody.
      void lanes.run(message.orderingKey || message.id, () => receive(message));
    });
    return subscription;
  }

  async function reopen(): Promise<void> {
    const { signal } = closing;
    for (let waitMs = MIN_REOPEN_MS; ; waitMs = Math.min(waitMs * 2, MAX_REOPEN_MS)) {
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await options.ensure();
        break;
      } catch (error) {
        log.debug({ err: error, group, topic }, 'the subscription cannot be opened yet');
      }
    }
    if (!closing.signal.aborted) current = open();
  }

  /** Never throws. */
  async function receive(message: Message): Promise<void> {
    if (closing.signal.aborted) return message.nack();
    const { data } = message;
    const event = parseEnvelope(data);
    const outcome = event
      ? await deliver({
          event,
          handle: options.handle,
          // Pub/Sub's own count has in it what was given back unseen, so a few deployments would use all tries up.
          attempt: 1,
          retryDelayMs: options.retryDelayMs,
          slots,
          isPatient: true,
          signal: closing.signal,
        })
      : ({ kind: 'dead', attempts: 1, error: 'this is no event' } as const);
    switch (outcome.kind) {
      case 'handled':
        return message.ack();
      case 'away':
      case 'interrupted':
        return message.nack();
      case 'dead':
        try {
          await options.bury(data, { group, topic, error: outcome.error, attempts: outcome.attempts });
          message.ack();
        } catch (error) {
          log.warn({ err: error, group, messageId: message.id }, 'a dead letter cannot be kept yet; it comes again');
          message.nack();
        }
    }
  }

  return {
    async close() {
      closing.abort();
      // It takes no more messages at once, and waits until those that it has are acknowledged or given back.
      await current.close();
      await Promise.all([reopening, lanes.idle()]);
    },
  };
}
