import { TOPIC_BY_SOURCE } from '@taskgraph/contracts';
import { openPubSub, within, type PubSubLibrary } from './pubsub-client.js';
import { eventAttributes, encodeEnvelope, parseDeadLetter, type PubSubDeadLetter } from './pubsub-dead-letters.js';
import { DEAD_LETTER_SUBSCRIPTION } from './pubsub-topology.js';

/** The dead letters that Pub/Sub keeps. */
interface DeadLetterBox {
  /** The oldest first. They are kept from other readers until the box is closed, and stay where they are. */
  list(): Promise<PubSubDeadLetter[]>;
  /** Publishes the event of a listed letter to its topic again, and takes the letter away. @throws when it cannot be published */
  replay(letter: PubSubDeadLetter): Promise<void>;
  /** Takes a listed letter away. */
  discard(letter: PubSubDeadLetter): Promise<void>;
  close(): Promise<void>;
}

interface DeadLetterBoxOptions {
  readonly projectId: string;
  readonly prefix?: string;
}

const CALL_TIMEOUT_MS = 5_000;
/** A pull that finds nothing waits for something; after this time there is nothing. */
const EMPTY_AFTER_MS = 3_000;
const PULL_MESSAGES = 500;
const HOLD_SECONDS = 120;
const DEADLINE_EXCEEDED = 4;
/** Ids of one call; a call may have half a megabyte. */
const MAX_ACK_IDS = 1_000;

export async function openDeadLetterBox({ projectId, prefix = '' }: DeadLetterBoxOptions): Promise<DeadLetterBox> {
  const { library, client } = await openPubSub(projectId);
  const subscriber = new library.v1.SubscriberClient((await client.getClientConfig()) as ClientOptions);
  const subscription = `projects/${projectId}/subscriptions/${prefix}${DEAD_LETTER_SUBSCRIPTION}`;
  /** By message id: what Pub/Sub knows the delivery by. */
  const held = new Map<string, string>();

  async function pull(): Promise<PubSubDeadLetter[]> {
    const messages = await pullSome(subscriber, subscription);
    return messages.map(({ ackId, message }) => {
      const messageId = message?.messageId ?? '';
      held.set(messageId, ackId ?? '');
      return parseDeadLetter(
        {
          messageId,
          data: Buffer.from(message?.data ?? ''),
          attributes: message?.attributes ?? {},
          publishedAt: new Date(Number(message?.publishTime?.seconds ?? 0) * 1_000).toISOString(),
        },
        prefix,
      );
    });
  }

  async function discard({ messageId }: PubSubDeadLetter): Promise<void> {
    const ackId = held.get(messageId);
    if (ackId === undefined) return;
    await subscriber.acknowledge({ subscription, ackIds: [ackId] }, within(CALL_TIMEOUT_MS));
    held.delete(messageId);
  }

  return {
    async list() {
      // A pull that is not answered looks like one that finds nothing: this tells whether somebody is there.
      await subscriber.getSubscription({ subscription }, within(CALL_TIMEOUT_MS));
      const letters = new Map<string, PubSubDeadLetter>();
      for (let found = await pull(); found.length > 0; found = await pull()) {
        for (const letter of found) letters.set(letter.messageId, letter);
        await hold(subscriber, subscription, [...held.values()], HOLD_SECONDS);
      }
      return [...letters.values()].sort((a, b) => a.diedAt.localeCompare(b.diedAt));
    },
    async replay(letter) {
      const { event, messageId } = letter;
      if (event === null) throw new Error(`message ${messageId} is no event`);
      await client
        .topic(`${prefix}${TOPIC_BY_SOURCE[event.source]}`, { messageOrdering: true, gaxOpts: within(CALL_TIMEOUT_MS) })
        .publishMessage({
          data: encodeEnvelope(event),
          attributes: eventAttributes(event),
          orderingKey: event.subject,
        });
      await discard(letter);
    },
    discard,
    async close() {
      // What is given back is there at once for the next reader.
      await hold(subscriber, subscription, [...held.values()], 0).catch(() => undefined);
      await subscriber.close();
      await client.close();
    },
  };
}

type ClientOptions = ConstructorParameters<PubSubLibrary['v1']['SubscriberClient']>[0] & object;
type SubscriberClient = InstanceType<PubSubLibrary['v1']['SubscriberClient']>;

async function pullSome(subscriber: SubscriberClient, subscription: string) {
  try {
    const [{ receivedMessages }] = await subscriber.pull(
      { subscription, maxMessages: PULL_MESSAGES },
      { timeout: EMPTY_AFTER_MS, retry: null },
    );
    return receivedMessages ?? [];
  } catch (error) {
    if ((error as { code?: number }).code === DEADLINE_EXCEEDED) return [];
    throw error;
  }
}

async function hold(
  subscriber: SubscriberClient,
  subscription: string,
  ackIds: string[],
  seconds: number,
): Promise<void> {
  for (let start = 0; start < ackIds.length; start += MAX_ACK_IDS)
    await subscriber.modifyAckDeadline(
      { subscription, ackIds: ackIds.slice(start, start + MAX_ACK_IDS), ackDeadlineSeconds: seconds },
      within(CALL_TIMEOUT_MS),
    );
}
