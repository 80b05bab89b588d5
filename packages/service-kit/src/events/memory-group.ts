import { setMaxListeners } from 'node:events';
import type { EventEnvelope, EventTopic } from '@taskgraph/contracts';
import type { Log } from '../log.js';
import { deliver } from './delivery.js';
import type { DeadLetter, EventSubscription, SubscribeOptions } from './event-bus.js';
import { createSlots, createSubjectLanes } from './subject-lanes.js';

interface MemoryGroupOptions {
  readonly name: string;
  readonly log: Log;
  readonly retryDelayMs: number;
  readonly onDeadLetter: ((letter: DeadLetter) => Promise<void>) | undefined;
}

/** The members that share events within one process. */
export interface MemoryGroup {
  readonly name: string;
  /** Events that are being handled or wait for it. */
  readonly backlog: number;
  /** Notes that the group hears topics, whether somebody has subscribed or not. */
  expect(topics: readonly EventTopic[]): void;
  hears(topic: EventTopic): boolean;
  /** Whether somebody of the group is subscribed to a topic now. */
  isThere(topic: EventTopic): boolean;
  /** Whether somebody is subscribed to every topic that it hears. */
  isComplete(): boolean;
  open(options: SubscribeOptions): EventSubscription;
  /**
   * Resolves when a member of the group has handled the event, or it is kept as a dead letter.
   *
   * @throws when the last member has left before, what it needs is away, or the dead letter could not be kept
   */
  give(topic: EventTopic, event: EventEnvelope): Promise<void>;
  close(): Promise<void>;
}

interface Member extends SubscribeOptions {
  readonly closing: AbortController;
  readonly underWay: Set<Promise<unknown>>;
}

/** Events that one group handles at once. */
const CONCURRENCY = 16;

export function createMemoryGroup({ name, log, retryDelayMs, onDeadLetter }: MemoryGroupOptions): MemoryGroup {
  const lanes = createSubjectLanes();
  const slots = createSlots(CONCURRENCY);
  const heard = new Set<EventTopic>();
  /** In turn: the first is the next to get an event. */
  const members: Member[] = [];
  let backlog = 0;

  function nextMember(topic: EventTopic): Member | undefined {
    const index = members.findIndex((member) => member.topics.includes(topic));
    if (index < 0) return undefined;
    const [member] = members.splice(index, 1) as [Member];
    members.push(member);
    return member;
  }

  /** One member tries it; when that one leaves in between, the next goes on. */
  async function handle(topic: EventTopic, event: EventEnvelope): Promise<void> {
    let attempt = 1;
    for (let member = nextMember(topic); member; member = nextMember(topic)) {
      const { closing, underWay } = member;
      const delivery = deliver({
        event,
        handle: member.handle,
        attempt,
        retryDelayMs,
        slots,
        // The outbox keeps it, and is not to wait with all that it has.
        isPatient: false,
        signal: closing.signal,
      });
      underWay.add(delivery);
      const outcome = await delivery.finally(() => underWay.delete(delivery));
      switch (outcome.kind) {
        case 'handled':
          return;
        case 'dead':
          return keep(member, { event, group: name, error: outcome.error, attempts: outcome.attempts });
        case 'away':
          throw new Error(`group ${name} cannot handle events now: ${outcome.error}`);
        case 'interrupted':
          attempt = outcome.nextAttempt;
      }
    }
    throw new Error(`group ${name} is away`);
  }

  async function keep(member: Member, letter: DeadLetter): Promise<void> {
    const keeper = member.onDeadLetter ?? onDeadLetter;
    if (keeper) return keeper(letter);
    const { event, error, attempts } = letter;
    log.error({ group: name, eventId: event.id, type: event.type, error, attempts }, 'an event was given up');
  }

  async function close(member: Member): Promise<void> {
    const index = members.indexOf(member);
    if (index >= 0) members.splice(index, 1);
    member.closing.abort();
    await Promise.all(member.underWay);
  }

  return {
    name,
    get backlog() {
      return backlog;
    },
    expect(topics) {
      for (const topic of topics) heard.add(topic);
    },
    hears: (topic) => heard.has(topic),
    isComplete: () => [...heard].every((topic) => members.some(({ topics }) => topics.includes(topic))),
    isThere: (topic) => members.some(({ topics }) => topics.includes(topic)),
    open(options) {
      for (const topic of options.topics) heard.add(topic);
      const member: Member = { ...options, closing: new AbortController(), underWay: new Set() };
      // Each event that waits for its next try listens.
      setMaxListeners(0, member.closing.signal);
      members.push(member);
      return { close: () => close(member) };
    },
    async give(topic, event) {
      backlog++;
      try {
        await lanes.run(event.subject, () => handle(topic, event));
      } finally {
        backlog--;
      }
    },
    async close() {
      await Promise.all([...members].map(close));
      await lanes.idle();
    },
  };
}
