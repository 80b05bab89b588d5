import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ErrorCode } from '@taskgraph/contracts';
import type { GraphQLFormattedError } from 'graphql';
import type { OverrideLabels } from '../admission/override-labels.js';
import { hashKey } from '../caching/cache-keys.js';
import type { Operation } from '../planning/operation.js';
import type { OperationCache } from '../planning/operation-cache.js';
import { Refusal } from '../planning/refusal.js';
import type { FetchStep } from '../planning/steps.js';
import { Channel, type ChannelOptions } from './channel.js';
import { rightsOf, userOf, viewerOf, type Credentials } from './credentials.js';
import type { Group, GroupFacts } from './group.js';
import { FULL, RESTARTING, tooManySubscriptions } from './refusals.js';
import { Subscription, type EndReason, type SubscriptionStart } from './subscription.js';
import type { SubscriptionRequest } from './subscription-request.js';

export interface SubscriptionsOptions extends Omit<ChannelOptions, 'end' | 'closed'> {
  readonly operations: () => OperationCache;
  readonly overrideLabels: OverrideLabels;
  /** Whoever holds one of them may see every event. */
  readonly sharedScopes: readonly string[];
  readonly maxSubscriptions: number;
  readonly maxPerUser: number;
}

/** All subscriptions of this process. */
export interface Subscriptions {
  /** @throws Refusal when there are too many already, or the process is about to stop */
  start(request: SubscriptionRequest, start: SubscriptionStart): Subscription;
  /** The client left, or is not served any more; it is told nothing. */
  leave(subscription: Subscription, reason: EndReason): void;
  /** Its client's token was renewed. */
  renewed(subscription: Subscription): void;
  /** Goes on with the graph that serves now; ends what it does not serve. */
  refresh(): Promise<void>;
  /** Takes no more events and subscriptions; resolves when the events that have come are delivered. */
  drain(): Promise<void>;
  readonly count: () => number;
}

/** Where a subscription is; one object for all members of a group. */
interface Place {
  readonly channel: Channel;
  readonly group: Group;
}

export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { log, telemetry, sharedScopes } = options;
  const places = new Map<Subscription, Place>();
  const perUser = new Map<string, number>();
  /** Those that may be joined. */
  const channels = new Map<string, Channel>();
  /** Those that events come from, with those that are only joined under another key. */
  const all = new Set<Channel>();
  let draining = false;

  const channelOptions: ChannelOptions = {
    ...options,
    end(subscription, reason, errors) {
      if (!take(subscription, reason)) return;
      if (errors) subscription.outlet.fail(subscription, errors);
      else subscription.outlet.complete(subscription);
    },
    closed(channel) {
      all.delete(channel);
      if (channels.get(channel.facts.key) === channel) channels.delete(channel.facts.key);
    },
  };
  telemetry.watchUpstreams(() => {
    const counts = new Map<string, number>();
    for (const { facts } of all) counts.set(facts.step.subgraph, (counts.get(facts.step.subgraph) ?? 0) + 1);
    return counts;
  });

  /** Takes a subscription out; false when it is out already. */
  function take(subscription: Subscription, reason: EndReason): boolean {
    const place = places.get(subscription);
    if (!place) return false;
    places.delete(subscription);
    subscription.ended = true;
    countUser(subscription.user, -1);
    place.channel.leave(subscription, place.group);
    telemetry.ended(log, subscription, reason);
    return true;
  }

  function countUser(user: string | null, by: 1 | -1): void {
    if (user === null) return;
    const count = (perUser.get(user) ?? 0) + by;
    if (count > 0) perUser.set(user, count);
    else perUser.delete(user);
  }

  function assertRoom(user: string | null): void {
    if (draining) throw refuseAs(RESTARTING);
    if (places.size >= options.maxSubscriptions) throw refuseAs(FULL);
    if (user !== null && (perUser.get(user) ?? 0) >= options.maxPerUser)
      throw refuseAs(tooManySubscriptions(options.maxPerUser));
  }

  function join(subscription: Subscription, facts: GroupFacts, lastEventId: string | null): void {
    const { credentials } = subscription.outlet;
    const channel = findChannel(facts, rightsOf(credentials, sharedScopes), lastEventId);
    const key = groupKey(facts, credentials);
    places.set(subscription, placeOf(channel, channel.join(subscription, key, facts)));
  }

  function findChannel({ operation, variables }: GroupFacts, rights: string, lastEventId: string | null): Channel {
    const step = operation.primary;
    if (!step) throw new Error('the operation is no subscription');
    const used = pick(step, variables);
    const key = channelKey(step, used, rights);
    // Who comes back joins those who are as far as he is; everybody else would leave out what he has missed.
    const keys = lastEventId === null ? [key] : [key, `${key} ${lastEventId}`];
    for (const each of keys) {
      const channel = channels.get(each);
      if (channel && (lastEventId === null || channel.deliveredId === lastEventId)) return channel;
    }
    const own = keys.at(-1) as string;
    const channel = new Channel({ key: own, step, variables: used, lastEventId }, channelOptions);
    channels.set(own, channel);
    all.add(channel);
    return channel;
  }

  /** Plans an operation for the graph that serves now. */
  async function replan({ channel, group }: Place): Promise<void> {
    const { text, operationName, overrideLabels, variables } = group.facts;
    const end = (subscription: Subscription, errors: readonly GraphQLFormattedError[]) =>
      channelOptions.end(subscription, 'graph-changed', errors);
    const [anyone] = group.members;
    if (!anyone) return;
    const holds = options.overrideLabels({ ...anyone.outlet.credentials, overrideLabels });
    let base: Operation;
    try {
      base = await options.operations().get(text, operationName, holds);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      for (const subscription of [...group.members]) end(subscription, error.errors);
      return;
    }
    const allowed = new Map<Subscription, Operation>();
    // Who joins meanwhile is among them.
    for (const subscription of group.members)
      try {
        const { outlet, requestId } = subscription;
        const asker = { ...outlet.credentials, requestId, log };
        allowed.set(subscription, await options.authorization.admit(base, variables, asker));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        end(subscription, error.errors);
      }
    const [first] = group.members;
    const [operation, ...others] = new Set(allowed.values());
    if (!first || !operation) return;
    const facts: GroupFacts = { ...group.facts, base, operation };
    if (others.length === 0 && isSameSource(operation.primary, channel.facts.step)) {
      group.facts = facts;
      channel.rename(group, groupKey(facts, first.outlet.credentials));
      return;
    }
    await channel.settled();
    for (const subscription of [...group.members]) {
      channel.leave(subscription, group);
      join(subscription, { ...facts, operation: allowed.get(subscription) ?? operation }, channel.deliveredId);
    }
  }

  return {
    start(request, start) {
      const { operation, base, text, operationName, overrideLabels, variables, lastEventId } = request;
      const user = userOf(start.outlet.credentials);
      assertRoom(user);
      const subscription = new Subscription(start, operation.name, user);
      countUser(user, 1);
      telemetry.started(log, subscription);
      try {
        join(subscription, { operation, base, text, operationName, overrideLabels, variables }, lastEventId);
      } catch (error) {
        countUser(user, -1);
        telemetry.ended(log, subscription, 'defect');
        throw error;
      }
      return subscription;
    },
    leave: (subscription, reason) => void take(subscription, reason),
    renewed: (subscription) => places.get(subscription)?.channel.renewed(subscription),
    async refresh() {
      for (const channel of all) channel.refresh();
      for (const place of new Set(places.values())) {
        try {
          await replan(place);
        } catch (error) {
          log.error({ err: error }, 'a subscription cannot be planned for the new supergraph; it goes on as it was');
        }
        // Planning takes its time, and there are other requests.
        await nextTurn();
      }
    },
    async drain() {
      draining = true;
      const open = [...all];
      for (const channel of open) channel.close();
      await Promise.all(open.map((channel) => channel.settled()));
    },
    count: () => places.size,
  };
}

const known = new WeakMap<Group, Place>();

function placeOf(channel: Channel, group: Group): Place {
  const place = known.get(group) ?? { channel, group };
  known.set(group, place);
  return place;
}

/** Of the variables, those that decide what is subscribed to. */
function pick({ variables }: FetchStep, all: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(variables.flatMap((name) => (Object.hasOwn(all, name) ? [[name, all[name]]] : [])));
}

function channelKey(step: FetchStep, variables: Readonly<Record<string, unknown>>, rights: string): string {
  return hashKey(step.subgraph, step.operation, step.operationName ?? '', JSON.stringify(variables), rights);
}

function isSameSource(one: FetchStep | null, other: FetchStep): boolean {
  return (
    one !== null &&
    one.subgraph === other.subgraph &&
    one.operation === other.operation &&
    one.operationName === other.operationName
  );
}

const numbers = new WeakMap<Operation, number>();
let lastNumber = 0;

function groupKey({ operation, variables }: GroupFacts, credentials: Credentials): string {
  let number = numbers.get(operation);
  if (number === undefined) numbers.set(operation, (number = lastNumber += 1));
  return `${number} ${hashKey(viewerOf(credentials), JSON.stringify(variables))}`;
}

function refuseAs(error: GraphQLFormattedError): Refusal {
  return new Refusal(error.extensions?.['code'] as ErrorCode, [error]);
}
