import { setTimeout as delay } from 'node:timers/promises';
import type { PubSub, Topic } from '@google-cloud/pubsub';
import { TOPIC_BY_SOURCE, type EventEnvelope } from '@taskgraph/contracts';
import { toShortError, within } from './pubsub-client.js';
import {
  deadLetterAttributes,
  encodeEnvelope,
  eventAttributes,
  parseEnvelope,
  type DeadLetterFacts,
} from './pubsub-dead-letters.js';
import { DEAD_LETTER_TOPIC } from './pubsub-topology.js';
import { createSlots } from './subject-lanes.js';

/** By id: what went wrong, or null. */
type PublishResults = ReadonlyMap<string, Error | null>;

export interface PubSubPublisher {
  /** Publishes events, in their order for each subject. What is behind a failed one of its subject has failed with it. */
  publish(events: readonly EventEnvelope[]): Promise<PublishResults>;
  /** @throws when it could not be published */
  bury(data: Uint8Array, facts: DeadLetterFacts): Promise<void>;
}

/** With the library's own repetitions; its default is a minute or more. */
const PUBLISH_TIMEOUT_MS = 5_000;
/** For what the library does not bound: opening connections, credentials. */
const HARD_TIMEOUT_MS = 15_000;
const MAX_BATCH_MESSAGES = 500;
/** Subjects that are published at once: each is a call of its own. After an outage, or when everything is published again, thousands wait. */
const MAX_SUBJECTS_AT_ONCE = 32;

export function createPubSubPublisher(
  client: PubSub,
  prefix: string,
  hardTimeoutMs = HARD_TIMEOUT_MS,
): PubSubPublisher {
  const slots = createSlots(MAX_SUBJECTS_AT_ONCE);
  const topics = new Map<string, Topic>();
  function topicNamed(name: string): Topic {
    let topic = topics.get(name);
    if (!topic) {
      topic = client.topic(`${prefix}${name}`, {
        messageOrdering: true,
        // A call has the messages of one subject. They are added in one go, so that nothing is gained by waiting for more.
        batching: { maxMessages: MAX_BATCH_MESSAGES, maxMilliseconds: 0 },
        gaxOpts: within(PUBLISH_TIMEOUT_MS),
      });
      topics.set(name, topic);
    }
    return topic;
  }

  async function publishOne(event: EventEnvelope): Promise<Error | null> {
    try {
      await topicNamed(TOPIC_BY_SOURCE[event.source]).publishMessage({
        data: encodeEnvelope(event),
        attributes: eventAttributes(event),
        orderingKey: event.subject,
      });
      return null;
    } catch (error) {
      return toShortError(error);
    }
  }

  return {
    async publish(events) {
      const isLate = lateAfter(hardTimeoutMs);
      const bySubject = new Map<string, EventEnvelope[]>();
      for (const event of events) bySubject.set(event.subject, [...(bySubject.get(event.subject) ?? []), event]);
      const begun = new Map<string, Promise<Error | null>>();
      for (const ofSubject of bySubject.values()) {
        // All of a subject are handed over before the first answer: the library then fails what is queued behind a failed one.
        const published = slots(async () =>
          // A call that never ends has failed in its time as well: it gives its place to others.
          isLate() ? ofSubject.map(() => NOT_SENT) : settleWithin(hardTimeoutMs, ofSubject.map(publishOne)),
        );
        ofSubject.forEach(({ id }, index) =>
          begun.set(
            id,
            published.then((answers) => answers[index] ?? null),
          ),
        );
      }
      const answers = await settleWithin(
        hardTimeoutMs,
        events.map(({ id }) => begun.get(id) ?? Promise.resolve(null)),
      );
      const results = new Map<string, Error | null>();
      const failures = new Map<string, Error>();
      events.forEach((event, index) => {
        const failure = failures.get(event.subject) ?? answers[index] ?? null;
        results.set(event.id, failure);
        if (failure) failures.set(event.subject, failure);
      });
      for (const { source, subject } of events)
        if (failures.has(subject)) topicNamed(TOPIC_BY_SOURCE[source]).resumePublishing(subject);
      return results;
    },
    async bury(data, facts) {
      const message = { data, attributes: deadLetterAttributes(parseEnvelope(data), facts) };
      const published = topicNamed(DEAD_LETTER_TOPIC)
        .publishMessage(message)
        .then(
          () => null,
          (error: unknown) => toShortError(error),
        );
      const [failure] = await settleWithin(hardTimeoutMs, [published]);
      if (failure) throw failure;
    },
  };
}

const NOT_SENT = new Error('Pub/Sub was too slow with what came before');

function lateAfter(timeoutMs: number): () => boolean {
  const end = performance.now() + timeoutMs;
  return () => performance.now() > end;
}

/** What has not settled in time has failed. */
async function settleWithin(
  timeoutMs: number,
  answers: readonly Promise<Error | null>[],
): Promise<Array<Error | null>> {
  const done = new AbortController();
  const late = delay(timeoutMs, new Error(`Pub/Sub did not answer within ${timeoutMs} ms`), {
    signal: done.signal,
  }).catch(() => null);
  try {
    return await Promise.all(answers.map((answer) => Promise.race([answer, late])));
  } finally {
    done.abort();
  }
}
