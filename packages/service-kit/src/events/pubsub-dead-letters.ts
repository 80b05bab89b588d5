import { eventEnvelope, EVENT_TOPICS, eventTypeAttribute, type EventEnvelope } from '@taskgraph/contracts';

/** The attributes of an event's message, which filters of subscriptions use. */
export function eventAttributes({ id, type, source, traceparent }: EventEnvelope): Record<string, string> {
  return {
    eventType: eventTypeAttribute(type),
    type,
    id,
    source,
    ...(traceparent !== undefined && { traceparent }),
  };
}

export interface DeadLetterFacts {
  readonly group: string;
  readonly topic: string;
  readonly error: string;
  readonly attempts: number;
}

/** Pub/Sub's limit of an attribute's value. */
const MAX_ATTRIBUTE_BYTES = 1_024;

/** What a dead letter says beside the original's data. */
export function deadLetterAttributes(
  event: EventEnvelope | null,
  { group, topic, error, attempts }: DeadLetterFacts,
): Record<string, string> {
  return {
    ...(event && eventAttributes(event)),
    group,
    originalTopic: topic,
    error: cutToBytes(error, MAX_ATTRIBUTE_BYTES),
    attempts: String(attempts),
    diedAt: new Date().toISOString(),
  };
}

/** Cuts a text so that no character is cut in two. */
function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  // Bytes 10xxxxxx go on with a character that has begun before.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
  return encoded.toString('utf8', 0, end);
}

export interface PubSubDeadLetter extends DeadLetterFacts {
  /** Of its message in Pub/Sub. */
  readonly messageId: string;
  /** Null when the data are no event. */
  readonly event: EventEnvelope | null;
  readonly diedAt: string;
}

/** Names of the attributes with which Pub/Sub itself forwards a message that ended every process it was given to. */
const FORWARDED_FROM = 'CloudPubSubDeadLetterSourceSubscription';
const FORWARDED_COUNT = 'CloudPubSubDeadLetterSourceDeliveryCount';

/** Reads a message of the dead-letter topic. */
export function parseDeadLetter(
  message: {
    readonly messageId: string;
    readonly data: Uint8Array;
    readonly attributes: Readonly<Record<string, string>>;
    readonly publishedAt: string;
  },
  prefix: string,
): PubSubDeadLetter {
  const { messageId, data, attributes } = message;
  const event = parseEnvelope(data);
  const forwardedFrom = attributes[FORWARDED_FROM]?.slice(prefix.length);
  const forwardedTopic = EVENT_TOPICS.find((topic) => forwardedFrom?.startsWith(`${topic}.`));
  const facts = { messageId, event, diedAt: attributes['diedAt'] ?? message.publishedAt };
  if (forwardedFrom !== undefined)
    return {
      ...facts,
      group: forwardedTopic ? forwardedFrom.slice(forwardedTopic.length + 1) : forwardedFrom,
      topic: forwardedTopic ?? '',
      error: 'every process that it was given to ended before it was handled',
      attempts: Number(attributes[FORWARDED_COUNT] ?? 0),
    };
  return {
    ...facts,
    group: attributes['group'] ?? '',
    topic: attributes['originalTopic'] ?? '',
    error: attributes['error'] ?? '',
    attempts: Number(attributes['attempts'] ?? 0),
  };
}

/** Null for what is no event. */
export function parseEnvelope(data: Uint8Array): EventEnvelope | null {
  try {
    const outcome = eventEnvelope.safeParse(JSON.parse(Buffer.from(data).toString('utf8')));
    return outcome.success ? outcome.data : null;
  } catch {
    return null;
  }
}

export function encodeEnvelope(event: EventEnvelope): Buffer {
  return Buffer.from(JSON.stringify(event));
}
