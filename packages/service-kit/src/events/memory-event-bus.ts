import { setTimeout as delay } from 'node:timers/promises';
import { TOPIC_BY_SOURCE, type EventEnvelope } from '@taskgraph/contracts';
import type { Log } from '../log.js';
import type { DurableGroup } from './durable-groups.js';
import type { DeadLetter, EventBus } from './event-bus.js';
import { createMemoryGroup, type MemoryGroup } from './memory-group.js';

interface MemoryEventBusOptions {
  readonly log: Log;
  /** Groups that have to be there: what they have not handled counts as not published, also before they first subscribe. */
  readonly groups?: readonly DurableGroup[];
  /** Keeps the dead letters of subscriptions that do not say where to. */
  readonly onDeadLetter?: (letter: DeadLetter) => Promise<void>;
  /** Before the second try; each further wait is four times as long. */
  readonly retryDelayMs?: number;
}

/** Services of one process start at the same time: the first waits for those that consume its events. */
const START_TIMEOUT_MS = 10_000;
const START_POLL_MS = 20;
const DEFAULT_RETRY_DELAY_MS = 100;
/** Events that may wait for an ephemeral group, which delays nobody: what exceeds it is dropped. */
const MAX_EPHEMERAL_BACKLOG = 10_000;

/**
 * Carries events between the services of one process.
 *
 * An event is published when every durable group has handled it, or keeps it as a dead letter: until then it is in the outbox,
 * so the death of the process at any moment loses none. For the same reason an event is not published while a durable group of
 * its topic is away.
 */
export function createMemoryEventBus(options: MemoryEventBusOptions): EventBus {
  const { log, retryDelayMs = DEFAULT_RETRY_DELAY_MS, onDeadLetter } = options;
  const durable = new Map<string, MemoryGroup>();
  const ephemeral = new Set<MemoryGroup>();
  let closed = false;

  const createGroup = (name: string) => createMemoryGroup({ name, log, retryDelayMs, onDeadLetter });
  function groupNamed(name: string): MemoryGroup {
    const group = durable.get(name) ?? createGroup(name);
    durable.set(name, group);
    return group;
  }
  for (const { group, topics } of options.groups ?? []) groupNamed(group).expect(topics);

  async function distribute(event: EventEnvelope): Promise<void> {
    if (closed) throw new Error('the event bus is closed');
    const topic = TOPIC_BY_SOURCE[event.source];
    const groups = [...durable.values()].filter((group) => group.hears(topic));
    const away = groups.find((group) => !group.isThere(topic));
    if (away) throw new Error(`group ${away.name} is away`);
    for (const group of ephemeral) {
      if (!group.isThere(topic)) continue;
      if (group.backlog >= MAX_EPHEMERAL_BACKLOG)
        log.warn({ group: group.name, eventId: event.id }, 'an ephemeral group is too slow; an event is dropped');
      // Nobody waits for it, and at its end it is gone: an event that it has not handled is lost for it.
      else group.give(topic, event).catch(() => undefined);
    }
    const ends = await Promise.allSettled(groups.map((group) => group.give(topic, event)));
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure) throw failure.reason;
  }

  return {
    // Nothing is kept here, so nothing can be forgotten.
    async prepare() {
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (!closed && [...durable.values()].some((group) => !group.isComplete()) && Date.now() < deadline)
        await delay(START_POLL_MS);
    },
    async publish(events) {
      const published: string[] = [];
      const failed = new Map<string, Error>();
      await Promise.all(
        chainsOf(events).map(async (chain) => {
          let failure: Error | null = null;
          for (const event of chain) {
            failure ??= await distribute(event).then(() => null, toError);
            if (failure) failed.set(event.id, failure);
            else published.push(event.id);
          }
        }),
      );
      return { published, failed };
    },
    async subscribe(subscribeOptions) {
      if (closed) throw new Error('the event bus is closed');
      if (subscribeOptions.lifetime === 'durable') return groupNamed(subscribeOptions.group).open(subscribeOptions);
      const group = createGroup(subscribeOptions.group);
      ephemeral.add(group);
      const subscription = group.open(subscribeOptions);
      return {
        async close() {
          ephemeral.delete(group);
          await subscription.close();
        },
      };
    },
    async ping() {
      if (closed) throw new Error('the event bus is closed');
    },
    async close() {
      closed = true;
      await Promise.all([...durable.values(), ...ephemeral].map((group) => group.close()));
    },
  };
}

/** The events of each subject, in their order. */
function chainsOf(events: readonly EventEnvelope[]): EventEnvelope[][] {
  const chains = new Map<string, EventEnvelope[]>();
  for (const event of events) {
    const chain = chains.get(event.subject);
    if (chain) chain.push(event);
    else chains.set(event.subject, [event]);
  }
  return [...chains.values()];
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
