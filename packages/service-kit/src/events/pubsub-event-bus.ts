import { randomBytes } from 'node:crypto';
import { TOPIC_BY_SOURCE, type EventSource, type EventTopic } from '@taskgraph/contracts';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { durableGroups, type DurableGroup } from './durable-groups.js';
import type { EventBus, EventSubscription, SubscribeOptions } from './event-bus.js';
import { GRPC, grpcCode, openPubSub, toShortError, within, type PubSubLibrary } from './pubsub-client.js';
import { parseEnvelope, type DeadLetterFacts } from './pubsub-dead-letters.js';
import { createPubSubPublisher, type PubSubPublisher } from './pubsub-publisher.js';
import { openPubSubSubscription } from './pubsub-subscription.js';
import { createPubSubTelemetry } from './pubsub-telemetry.js';
import {
  applyTopology,
  DEAD_LETTER_TOPIC,
  ensureDurableSubscription,
  ensureEphemeralSubscription,
  isTopicReady,
  subscriptionName,
} from './pubsub-topology.js';

interface PubSubEventBusOptions {
  readonly projectId: string;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Goes before the name of every topic and subscription: several deployments in one project. */
  readonly prefix?: string;
  /** Their subscriptions are made before anything is published, so that it waits for them. */
  readonly groups?: readonly DurableGroup[];
  /** Before the second try; each further wait is four times as long. */
  readonly retryDelayMs?: number;
}

/** Five tries are then spread over a minute and a half: a restart of the database makes no dead letters. */
const DEFAULT_RETRY_DELAY_MS = 1_000;
const PING_TIMEOUT_MS = 2_000;
const DELETE_TIMEOUT_MS = 2_000;
const GROUP_NAME = /^[a-z][a-z0-9-]{0,99}$/;

interface Connected {
  readonly library: PubSubLibrary;
  readonly client: Awaited<ReturnType<typeof openPubSub>>['client'];
  readonly publisher: PubSubPublisher;
}

/**
 * Carries events between processes with Google Cloud Pub/Sub, or its emulator where the library finds PUBSUB_EMULATOR_HOST.
 *
 * A service makes its topic, and the subscriptions of the groups that consume it, when it is about to publish, and again when they are
 * gone: nobody else does, so it learns that Pub/Sub has forgotten. A process that may not make them takes those that are there.
 */
export function createPubSubEventBus(options: PubSubEventBusOptions): EventBus {
  const { projectId, log, prefix = '', groups = durableGroups(), retryDelayMs = DEFAULT_RETRY_DELAY_MS } = options;
  const telemetry = createPubSubTelemetry(options.metrics);
  const subscriptions = new Set<EventSubscription>();
  let connected: Promise<Connected> | null = null;
  let closed = false;
  let isForbiddenTold = false;

  async function connect(): Promise<Connected> {
    if (closed) throw new Error('the event bus is closed');
    connected ??= openPubSub(projectId).then(({ library, client }) => ({
      library,
      client,
      publisher: createPubSubPublisher(client, prefix),
    }));
    return connected;
  }

  async function prepare(source: EventSource, onNew: () => Promise<void>): Promise<void> {
    const { client } = await connect();
    const topic = TOPIC_BY_SOURCE[source];
    try {
      if (!(await isTopicReady(client, topic, { prefix, groups }))) await onNew();
      const changes = await applyTopology(client, { prefix, groups, topics: [topic] });
      if (changes.length > 0) log.info({ changes }, 'topics and subscriptions were made');
    } catch (error) {
      if (!isForbidden(error)) throw error;
      if (!isForbiddenTold)
        log.warn({ err: error }, 'topics and subscriptions cannot be checked; those that are there are used');
      isForbiddenTold = true;
    }
  }

  async function bury(
    { publisher }: Connected,
    { lifetime, onDeadLetter }: SubscribeOptions,
    data: Uint8Array,
    facts: DeadLetterFacts,
  ): Promise<void> {
    const event = parseEnvelope(data);
    if (lifetime === 'durable') await publisher.bury(data, facts);
    // Nobody could replay it for a process that may be gone by then; and what is no event, the durable groups tell of.
    else if (event && onDeadLetter) await onDeadLetter({ ...facts, event });
    telemetry.buried(log, facts, event?.id);
  }

  async function subscribeTo(
    connection: Connected,
    topic: EventTopic,
    subscribeOptions: SubscribeOptions,
  ): Promise<EventSubscription> {
    const { library, client } = connection;
    const { group, lifetime, handle } = subscribeOptions;
    const isDurable = lifetime === 'durable';
    telemetry.listens({ group, topic });
    const place = { prefix, topic, group };
    const name = isDurable ? subscriptionName(place) : `${subscriptionName(place)}.${randomBytes(8).toString('hex')}`;
    async function ensureSubscription() {
      const made = isDurable
        ? ensureDurableSubscription(client, place)
        : ensureEphemeralSubscription(client, { prefix, topic, name });
      await made.catch((error: unknown) => {
        if (!isDurable || !isForbidden(error)) throw error;
      });
    }
    await ensureSubscription();
    const subscription = openPubSubSubscription({
      library,
      client,
      group,
      topic,
      name,
      handle,
      retryDelayMs,
      log,
      telemetry,
      bury: (data, facts) => bury(connection, subscribeOptions, data, facts),
      ensure: ensureSubscription,
    });
    return {
      async close() {
        await subscription.close();
        // When that fails it goes by itself after a day.
        if (!isDurable)
          await client
            .subscription(name)
            .delete(within(DELETE_TIMEOUT_MS))
            .catch(() => undefined);
      },
    };
  }

  return {
    prepare,
    async publish(events) {
      const failed = new Map<string, Error>();
      try {
        const { publisher } = await connect();
        for (const [id, failure] of await publisher.publish(events)) if (failure) failed.set(id, failure);
      } catch (error) {
        for (const { id } of events) failed.set(id, toShortError(error));
      }
      return { published: events.map(({ id }) => id).filter((id) => !failed.has(id)), failed };
    },
    async subscribe(subscribeOptions) {
      const { group, topics } = subscribeOptions;
      if (!GROUP_NAME.test(group)) throw new Error(`"${group}" is no name of a group: lower case, digits and -`);
      const connection = await connect();
      const parts: EventSubscription[] = [];
      const subscription: EventSubscription = {
        async close() {
          subscriptions.delete(subscription);
          await Promise.all(parts.map((part) => part.close()));
        },
      };
      subscriptions.add(subscription);
      try {
        for (const topic of topics) parts.push(await subscribeTo(connection, topic, subscribeOptions));
      } catch (error) {
        await subscription.close();
        throw error;
      }
      return subscription;
    },
    async ping() {
      const { client } = await connect();
      try {
        await client.topic(`${prefix}${DEAD_LETTER_TOPIC}`).getMetadata(within(PING_TIMEOUT_MS));
      } catch (error) {
        // It has answered. A process that publishes or subscribes makes what is missing.
        if (grpcCode(error) !== GRPC.NOT_FOUND) throw toShortError(error);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      const connection = await connected?.catch(() => null);
      await connection?.client.close();
    },
  };
}

function isForbidden(error: unknown): boolean {
  return grpcCode(error) === GRPC.PERMISSION_DENIED;
}
