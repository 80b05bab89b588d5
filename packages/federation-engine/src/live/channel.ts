import { missingViewer, type MissingViewer } from '../request/missing-viewer.js';
import type { GraphQLFormattedError } from 'graphql';
import { toFetchError } from '../subgraphs/fetch-fault.js';
import { copyData } from '../execute/merge.js';
import { entitiesOf, type SourceEvent } from '../execute/run-event.js';
import { Group, type GroupFacts, type GroupOptions } from './group.js';
import { TOO_MANY_EVENTS } from './end-errors.js';
import { Source, type SourceFacts, type SourceOptions } from './source.js';
import type { EndReason, Subscription } from './subscription.js';

export interface ChannelOptions extends GroupOptions, SourceOptions {
  /** Ends a subscription and tells its client. */
  readonly end: (
    subscription: Subscription,
    reason: EndReason,
    errors: readonly GraphQLFormattedError[] | null,
  ) => void;
  /** A group cannot keep up with the others. It is to go on in a channel of its own when it has room. */
  readonly fellBehind: (channel: Channel, group: Group) => void;
  /** What a subscriber is told whose credentials a subgraph refuses. */
  readonly missingViewer?: MissingViewer;
  /** Nobody may join any more. */
  readonly closed: (channel: Channel) => void;
}

interface ChannelFacts extends SourceFacts {
  /** A subscription with the same one may join. */
  readonly key: string;
}

/** A token that a subgraph refuses so shortly before its end has ended there already. */
const NEAR_EXPIRY_MS = 10_000;
const MAX_REFUSED_TOKENS = 100;
/** For groups to come after the others, before they have to go on by themselves. */
const GRACE_MS = 250;

/**
 * One subscription at a subgraph, for all clients that may see the same of the same. It goes with the token of one of
 * them, the carrier, and passes to another's when that one leaves.
 */
export class Channel {
  readonly facts: ChannelFacts;
  /** The last event that clients have, or are about to have. */
  deliveredId: string | null;
  readonly #options: ChannelOptions;
  readonly #source: Source;
  readonly #groups = new Map<string, Group>();
  /** Groups that have fallen behind, and answer what they have of this channel, with their last events. */
  readonly #parted = new Map<Group, string>();
  readonly #refusedTokens = new Set<string | undefined>();
  #intake: Promise<void> = Promise.resolve();
  /** Events that have come and are not handed on yet. */
  #waiting = 0;
  #isClosed = false;

  constructor(facts: ChannelFacts, options: ChannelOptions) {
    this.facts = facts;
    this.deliveredId = facts.lastEventId;
    this.#options = options;
    this.#source = new Source(facts, options, {
      carrier: () => this.#chooseCarrier(),
      isFull: () => this.#waiting >= options.maxQueuedEvents,
      event: (event, id, reconnected) => {
        this.#waiting += 1;
        this.#intake = this.#intake.then(() => this.#handOn(event, id, reconnected)).then(() => this.#handedOn());
      },
      completed: () => this.#finish('completed', null),
      failed: (reason, errors) => this.#finish(reason, errors),
      tokenRefused: (authorization, carrier, errors) => this.#tokenRefused(authorization, carrier, errors),
    });
  }

  join(subscription: Subscription, key: string, facts: GroupFacts): Group {
    const group = this.#groups.get(key) ?? new Group(key, facts, this.#options);
    this.#groups.set(key, group);
    group.add(subscription);
    if (this.#source.isIdle) this.#source.open();
    return group;
  }

  leave(subscription: Subscription, group: Group): void {
    group.remove(subscription);
    if (group.size === 0) this.#parted.delete(group);
    if (group.size === 0 && this.#groups.get(group.key) === group) this.#groups.delete(group.key);
    if (this.#isClosed) return;
    if (this.#groups.size === 0) this.close();
    else if (this.#source.carrier === subscription) this.#passOn();
  }

  /** The last event that a group has, or is about to have. */
  deliveredTo(group: Group): string | null {
    return this.#parted.get(group) ?? this.deliveredId;
  }

  /** Lets others join a group whose operation has been planned anew. */
  rename(group: Group, key: string): void {
    if (this.#groups.has(key) || this.#parted.has(group)) return;
    this.#groups.delete(group.key);
    group.key = key;
    this.#groups.set(key, group);
  }

  /** A member's token was renewed. */
  renewed(subscription: Subscription): void {
    if (this.#isClosed) return;
    if (this.#source.carrier === subscription || this.#source.isIdle) this.#source.open();
  }

  /** Subscribes again if the subgraph has moved. */
  refresh(): void {
    const { url } = this.#source;
    if (url !== null && url !== this.#options.urlOf(this.facts.step.subgraph)) this.#source.open();
  }

  /** Takes no more events. Those that have come are still delivered. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.close();
    this.#options.closed(this);
  }

  /** Resolves when every event that has come is delivered. */
  async settled(): Promise<void> {
    await this.#intake;
    await Promise.all([...this.#groups.values(), ...this.#parted.keys()].map((group) => group.settled()));
  }

  #passOn(): void {
    const { authorization } = this.#source;
    for (const member of this.#members())
      if (member.outlet.credentials.authorization === authorization) return this.#source.passTo(member);
    this.#source.open();
  }

  async #handOn(event: SourceEvent, id: string | null, reconnected: boolean): Promise<void> {
    await this.#forgetOlder(event.data);
    // What can be asked for again waits for room. It is handed to all at once: a member that joins meanwhile has it not yet.
    if (id !== null) await this.#untilRoom();
    this.deliveredId = id ?? this.deliveredId;
    // Running an event uses up its data: all but a single group get copies.
    const isAlone = this.#groups.size <= 1;
    const source = () => (isAlone ? event : { ...event, data: event.data && copyData(event.data) });
    for (const group of this.#groups.values()) {
      if (group.push({ source, id, reconnected, trace: event.trace })) continue;
      this.#options.telemetry.dropped('queue-full');
      for (const member of [...group.members]) this.#options.end(member, 'queue-full', [TOO_MANY_EVENTS]);
    }
  }

  /**
   * One group is waited for. Of several, those that have no room a moment after others have it leave: nobody is held up by
   * another's slow fetches.
   */
  async #untilRoom(): Promise<void> {
    const full = this.#fullGroups();
    if (full.length === 0) return;
    const all = Promise.all(full.map((group) => group.untilRoom()));
    if (this.deliveredId === null) return void (await all);
    if (full.length === this.#groups.size) await Promise.race(full.map((group) => group.untilRoom()));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([all, new Promise((resolve) => (timer = setTimeout(resolve, GRACE_MS)))]);
    clearTimeout(timer);
    for (const group of this.#fullGroups()) this.#part(group, this.deliveredId);
  }

  #fullGroups(): Group[] {
    return [...this.#groups.values()].filter(({ isFull }) => isFull);
  }

  #part(group: Group, lastEventId: string): void {
    this.#groups.delete(group.key);
    this.#parted.set(group, lastEventId);
    this.#options.fellBehind(this, group);
  }

  #handedOn(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0 && !this.#isClosed) this.#source.release();
  }

  /** A subscriber that hears of a change reads what was changed, not what was kept or asked for before. */
  async #forgetOlder(data: SourceEvent['data']): Promise<void> {
    const { client, log } = this.#options;
    if (!data || !client.invalidate) return;
    const operations = new Set([...this.#groups.values()].map(({ facts }) => facts.operation));
    try {
      const named = [...operations].map((operation) => entitiesOf(operation.compiled, data));
      await client.invalidate({
        entities: named.flatMap(({ entities }) => entities),
        types: named.flatMap(({ types }) => types),
      });
    } catch (error) {
      log.error({ err: error }, 'defect');
    }
  }

  /** Ends the subscriptions with this token, and goes on with another member's. */
  #tokenRefused(
    authorization: string | undefined,
    carrier: Subscription,
    errors: readonly GraphQLFormattedError[] | null,
  ): void {
    const { subgraph } = this.facts.step;
    this.#refusedTokens.add(authorization);
    if (this.#refusedTokens.size > MAX_REFUSED_TOKENS) this.#forgetRefusedTokens();
    // One that ends here, too, in a moment, is renewed or ended as the client's connection is.
    if (carrier.outlet.credentials.expiresAtMs - Date.now() >= NEAR_EXPIRY_MS) {
      const { missingViewer: toMissingViewer = missingViewer } = this.#options;
      const fault = toMissingViewer(
        authorization === undefined ? { kind: 'absent' } : { kind: 'refused', problem: 'TOKEN_INVALID' },
      );
      const told = errors ?? [toFetchError(fault, subgraph).formatted];
      for (const member of [...this.#members()])
        if (member.outlet.credentials.authorization === authorization) this.#end(member, 'refused', told);
    }
    if (!this.#isClosed && this.#source.isIdle) this.#source.open();
  }

  /** Ends all subscriptions, after what has come before. */
  #finish(reason: EndReason, errors: readonly GraphQLFormattedError[] | null): void {
    this.close();
    void this.settled().then(() => {
      for (const member of [...this.#members()]) this.#end(member, reason, errors);
    });
  }

  #end(member: Subscription, reason: EndReason, errors: readonly GraphQLFormattedError[] | null): void {
    const { subgraph } = this.facts.step;
    const { requestId } = member;
    const { log, clientErrors } = this.#options;
    const told = errors?.map((error) => clientErrors.ofError({ ...error, subgraph }, { log, requestId }));
    this.#options.end(member, reason, told ?? null);
  }

  /** Those that no member has any more: a channel can outlive the tokens of thousands. */
  #forgetRefusedTokens(): void {
    const held = new Set([...this.#members()].map(({ outlet }) => outlet.credentials.authorization));
    for (const token of this.#refusedTokens) if (!held.has(token)) this.#refusedTokens.delete(token);
  }

  *#members(): Generator<Subscription> {
    for (const group of this.#groups.values()) yield* group.members;
  }

  #chooseCarrier(): Subscription | null {
    const soon = Date.now() + NEAR_EXPIRY_MS;
    let second: Subscription | null = null;
    for (const member of this.#members()) {
      const { authorization, expiresAtMs } = member.outlet.credentials;
      if (this.#refusedTokens.has(authorization)) continue;
      if (expiresAtMs > soon) return member;
      second ??= member;
    }
    return second;
  }
}
