import type { PubSub, Subscription, SubscriptionMetadata, Topic } from '@google-cloud/pubsub';
import { EVENT_TOPICS, type EventTopic } from '@taskgraph/contracts';
import { durableGroups, type DurableGroup } from './durable-groups.js';
import { GRPC, grpcCode, within } from './pubsub-client.js';

/** Where what a group could not handle goes. */
export const DEAD_LETTER_TOPIC = 'dead-letters';
/** Keeps dead letters for the operator: a topic without a subscription forgets what it is given. */
export const DEAD_LETTER_SUBSCRIPTION = `${DEAD_LETTER_TOPIC}.inspect`;

/**
 * Deliveries after which Pub/Sub forwards a message to the dead letters by itself: the most that it allows. It counts whatever comes
 * back, also what a process that stops gives back without a look at it, up to some hundred messages at each deployment. What tries
 * are, the process counts that makes them; this is for messages that kill each process that gets them.
 */
const MAX_DELIVERY_ATTEMPTS = 100;

const CALL_TIMEOUT_MS = 10_000;
const SECOND = 1;
const DAY = 86_400 * SECOND;

interface TopologyOptions {
  /** Goes before every name: several deployments in one project. */
  readonly prefix?: string;
  readonly groups?: readonly DurableGroup[];
  /** All, unless a service looks after its own. */
  readonly topics?: readonly EventTopic[];
}

/** What was done to which topic or subscription, in words for the operator. */
export interface TopologyChange {
  readonly name: string;
  readonly change: 'created' | 'corrected';
}

/**
 * Creates the topics and subscriptions that are missing, and corrects the settings of those that are there.
 *
 * Two processes may do it at once. It takes nothing away.
 *
 * @throws TopologyError when a subscription is there that cannot be corrected
 */
export async function applyTopology(
  client: PubSub,
  { prefix = '', groups = durableGroups(), topics: eventTopics = EVENT_TOPICS }: TopologyOptions = {},
): Promise<TopologyChange[]> {
  const topics = [...eventTopics, DEAD_LETTER_TOPIC].map((name) => client.topic(`${prefix}${name}`));
  const created = await allOf(topics.map(ensureTopic));
  const subscriptions = await allOf([
    ensureSubscription(
      client.topic(`${prefix}${DEAD_LETTER_TOPIC}`),
      `${prefix}${DEAD_LETTER_SUBSCRIPTION}`,
      inspectionSettings(client),
    ),
    ...groups.flatMap(({ group, topics: heard }) =>
      heard
        .filter((topic) => eventTopics.includes(topic))
        .map((topic) => ensureDurableSubscription(client, { prefix, topic, group })),
    ),
  ]);
  return [...created, ...subscriptions].filter((change) => change !== null);
}

/** Waits for all, also when one fails: nothing goes on behind a failure's back. @throws the first failure */
async function allOf<Result>(steps: ReadonlyArray<Promise<Result>>): Promise<Result[]> {
  const ends = await Promise.allSettled(steps);
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

/** Whether the topic, and a subscription to it for each group, are there. */
export async function isTopicReady(
  client: PubSub,
  topic: EventTopic,
  { prefix = '', groups = durableGroups() }: TopologyOptions = {},
): Promise<boolean> {
  const names = groups
    .filter(({ topics }) => topics.includes(topic))
    .map(({ group }) => subscriptionName({ prefix, topic, group }));
  const present = await Promise.all([
    isThere(() => client.topic(`${prefix}${topic}`).getMetadata(within(CALL_TIMEOUT_MS))),
    ...names.map((name) => isThere(() => client.subscription(name).getMetadata(within(CALL_TIMEOUT_MS)))),
  ]);
  return present.every(Boolean);
}

async function isThere(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (grpcCode(error) === GRPC.NOT_FOUND) return false;
    throw error;
  }
}

interface SubscriptionPlace {
  readonly prefix: string;
  readonly topic: EventTopic;
  readonly group: string;
}

export function subscriptionName({ prefix, topic, group }: SubscriptionPlace): string {
  return `${prefix}${topic}.${group}`;
}

/** Creates the subscription of a group to a topic, unless it is there. */
export function ensureDurableSubscription(client: PubSub, place: SubscriptionPlace): Promise<TopologyChange | null> {
  return ensureSubscription(
    client.topic(`${place.prefix}${place.topic}`),
    subscriptionName(place),
    durableSettings(client, place.prefix),
  );
}

/** Creates a subscription for one process. When that dies without deleting it, it goes after a day: there is no shorter time. */
export function ensureEphemeralSubscription(
  client: PubSub,
  { prefix, topic, name }: { prefix: string; topic: EventTopic; name: string },
): Promise<TopologyChange | null> {
  return ensureSubscription(client.topic(`${prefix}${topic}`), name, EPHEMERAL_SETTINGS);
}

export class TopologyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TopologyError';
  }
}

/** Kept as long as Pub/Sub allows; the emulator allows less. */
function inspectionSettings({ isEmulator }: PubSub): SubscriptionMetadata {
  return {
    ackDeadlineSeconds: 60,
    messageRetentionDuration: { seconds: (isEmulator ? 7 : 31) * DAY },
    expirationPolicy: {},
  };
}

const EPHEMERAL_SETTINGS: SubscriptionMetadata = {
  enableMessageOrdering: true,
  ackDeadlineSeconds: 10,
  messageRetentionDuration: { seconds: 600 * SECOND },
  expirationPolicy: { ttl: { seconds: DAY } },
};

/**
 * Tries are made in the process that has the event; Pub/Sub counts those that ended with the process, and makes what ends every
 * process a dead letter.
 */
function durableSettings(client: PubSub, prefix: string): SubscriptionMetadata {
  return {
    enableMessageOrdering: true,
    ackDeadlineSeconds: 30,
    messageRetentionDuration: { seconds: 7 * DAY },
    expirationPolicy: {},
    retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 60 } },
    // In emulator 0.8.20 an ordered subscription is stuck for good when it has to forward a dead letter.
    ...(!client.isEmulator && {
      deadLetterPolicy: {
        deadLetterTopic: `projects/${client.projectId}/topics/${prefix}${DEAD_LETTER_TOPIC}`,
        maxDeliveryAttempts: MAX_DELIVERY_ATTEMPTS,
      },
    }),
  };
}

async function ensureTopic(topic: Topic): Promise<TopologyChange | null> {
  const created = await createUnlessThere(() => topic.create(within(CALL_TIMEOUT_MS)));
  return created ? { name: lastPart(topic.name), change: 'created' } : null;
}

async function ensureSubscription(
  topic: Topic,
  name: string,
  settings: SubscriptionMetadata,
): Promise<TopologyChange | null> {
  const created = await createUnlessThere(() =>
    topic.createSubscription(name, { ...settings, gaxOpts: within(CALL_TIMEOUT_MS) }),
  );
  if (created) return { name, change: 'created' };
  const subscription = topic.subscription(name);
  const [present] = await subscription.getMetadata(within(CALL_TIMEOUT_MS));
  if (lastPart(present.topic ?? '') !== lastPart(topic.name))
    throw new TopologyError(
      `Subscription ${name} hears ${lastPart(present.topic ?? 'nothing')}, not ${lastPart(topic.name)}. Delete it, and apply the topology again.`,
    );
  if (settings.enableMessageOrdering === true && present.enableMessageOrdering !== true)
    throw new TopologyError(
      `Subscription ${name} was made without message ordering, which cannot be added. Let it run empty, delete it, and apply the topology again.`,
    );
  return correct(subscription, name, settings, present as SubscriptionMetadata);
}

/** Of two creators at once, one is told that it is there. */
async function createUnlessThere(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (grpcCode(error) === GRPC.ALREADY_EXISTS) return false;
    throw error;
  }
}

async function correct(
  subscription: Subscription,
  name: string,
  settings: SubscriptionMetadata,
  present: SubscriptionMetadata,
): Promise<TopologyChange | null> {
  const wrong = Object.entries(settings).filter(
    ([key, value]) => normal(value) !== normal(present[key as keyof SubscriptionMetadata]),
  );
  if (wrong.length === 0) return null;
  await subscription.setMetadata(Object.fromEntries(wrong), within(CALL_TIMEOUT_MS));
  return { name, change: 'corrected' };
}

/** One text for equal settings: numbers come back as strings, and what is not set as null or 0. */
function normal(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? '').replaceAll('"', '');
  return Object.entries(value)
    .map(([key, inner]) => [key, normal(inner)] as const)
    .filter(([, inner]) => inner !== '' && inner !== '0')
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, inner]) => `${key}:{${inner}}`)
    .join(',');
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
