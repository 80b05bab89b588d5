import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { OperationTypeNode, type GraphQLFormattedError } from 'graphql';
import { clientOf, type OverrideLabels } from '../request/context.js';
import { hashKey } from '../subgraphs/caching/cache-keys.js';
import type { Operation } from '../compile/operation.js';
import type { OperationCache } from '../compile/operation-cache.js';
import { Refusal } from '../request/refusal.js';
import type { FetchStep } from '../compile/plan/steps.js';
import { backoffMs } from './backoff.js';
import { Channel, type ChannelOptions } from './channel.js';
import { rightsOf, userOf, viewerOf } from './credentials.js';
import type { Group, GroupFacts } from './group.js';
import { FULL, RESTARTING, tooManySubscriptions } from './end-errors.js';
import { contextOf } from './subscription-context.js';
import { Subscription, type EndReason, type SubscriptionStart } from './subscription.js';
import type { SubscriptionRequest } from './subscription-request.js';

export interface SubscriptionsOptions extends Omit<ChannelOptions, 'end' | 'closed' | 'fellBehind'> {
  readonly operations: () => OperationCache;
  readonly overrideLabels: OverrideLabels;
  /** A viewer who holds one of them may see every event. */
  readonly sharedScopes: readonly string[];
  readonly maxSubscriptions: number;
  readonly maxPerUser: number;
  /** Of everybody at one address who is no known user. */
  readonly maxPerAddress: number;
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
  /** By user, or by the address of a viewer who is none. */
  const perOwner = new Map<string, number>();
  /** Those that may be joined. */
  const channels = new Map<string, Channel>();
  /** Those that events come from, with those that are only joined under another key. */
  const all = new Set<Channel>();
  let draining = false;
  /** How often the graph has changed. */
  let refreshes = 0;

  const channelOptions: ChannelOptions = {
    ...options,
    end(subscription, reason, errors) {
      if (!take(subscription, reason)) return;
      if (errors) subscription.outlet.fail(subscription, errors);
      else subscription.outlet.complete(subscription);
    },
    fellBehind: (channel, group) => void catchUp(channel, group),
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
    countOwner(subscription, -1);
    place.channel.leave(subscription, place.group);
    telemetry.ended(log, subscription, reason);
    return true;
  }

  function countOwner({ owner }: Subscription, by: 1 | -1): void {
    const count = (perOwner.get(owner) ?? 0) + by;
    if (count > 0) perOwner.set(owner, count);
    else perOwner.delete(owner);
  }

  function assertRoom(user: string | null, owner: string): void {
    if (draining) throw refusalAs(RESTARTING);
    if (places.size >= options.maxSubscriptions) throw refusalAs(FULL);
    const most = user === null ? options.maxPerAddress : options.maxPerUser;
    if ((perOwner.get(owner) ?? 0) >= most) throw refusalAs(tooManySubscriptions(most, user !== null));
  }

  /** @throws what the host's hook for headers throws */
  function join(subscription: Subscription, facts: GroupFacts, lastEventId: string | null): void {
    const { credentials } = subscription.outlet;
    subscription.scope = scopeOf(subscription, facts);
    const rights = rightsOf(credentials, sharedScopes);
    const channel = findChannel(facts, subscription.scope === '' ? rights : rights + subscription.scope, lastEventId);
    const key = groupKey(facts, subscription);
    places.set(subscription, placeOf(channel, channel.join(subscription, key, facts)));
  }

  /** A subscription with other headers to the subgraph may get other events. */
  function scopeOf(subscription: Subscription, { operation }: GroupFacts): string {
    const { changeHeaders } = options;
    const { primary } = operation.compiled;
    if (!changeHeaders || !primary) return '';
    const { subgraph, operationName } = primary;
    const asked = { subgraph, operationName, type: OperationTypeNode.SUBSCRIPTION };
    return changeHeaders(asked, contextOf(subscription, log))?.scope ?? '';
  }

  function findChannel({ operation, variables }: GroupFacts, rights: string, lastEventId: string | null): Channel {
    const step = operation.compiled.primary;
    if (!step) throw new Error('the operation is no subscription');
    const used = pick(step, variables);
    const key = channelKey(step, used, rights);
    // A subscriber that comes back joins those that are as far as it is; all others would leave out what it has missed.
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

  /** Lets a group go on in a channel of its own when it has answered what it has. */
  async function catchUp(channel: Channel, group: Group): Promise<void> {
    telemetry.fellBehind(channel.facts.step.subgraph);
    await group.settled();
    // Its clients come back to another process.
    if (draining) return;
    const lastEventId = channel.deliveredTo(group);
    for (const subscription of [...group.members]) {
      channel.leave(subscription, group);
      join(subscription, group.facts, lastEventId);
    }
  }

  /**
   * Tries again as long as there is no planner to be had: meanwhile the group goes on with the plan that it has. Null when nobody
   * waits for it, or a newer graph does.
   */
  async function planForMembers(
    group: Group,
    began: number,
    plan: () => Operation | Promise<Operation>,
  ): Promise<Operation | null> {
    for (let attempt = 0; ; attempt += 1) {
      if (group.size === 0 || draining || refreshes !== began) return null;
      try {
        return await plan();
      } catch (error) {
        if (!isBusy(error)) throw error;
        await delay(backoffMs(attempt), undefined, { ref: false });
      }
    }
  }

  /** Plans an operation for the graph that serves now. */
  async function replan({ channel, group }: Place): Promise<void> {
    const { text, operationName, overrideLabels, variables } = group.facts;
    const end = (subscription: Subscription, errors: readonly GraphQLFormattedError[]) =>
      channelOptions.end(subscription, 'graph-changed', errors);
    const [anyone] = group.members;
    if (!anyone) return;
    const holds = options.overrideLabels({ ...anyone.outlet.credentials, overrideLabels });
    const began = refreshes;
    const allowed = new Map<Subscription, Operation>();
    // A member that joins meanwhile is among them.
    for (const subscription of group.members)
      try {
        const { outlet, requestId } = subscription;
        const asker = { ...outlet.credentials, requestId, log };
        const plan = () =>
          options.operations().get(text, operationName, holds, {
            admit: () => undefined,
            unmet: (facts) => options.authorization.unmet(facts, variables, asker),
            client: clientOf(asker),
          });
        const operation = await planForMembers(group, began, plan);
        if (!operation) return;
        allowed.set(subscription, operation);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        end(subscription, error.errors);
      }
    const [first] = group.members;
    const [operation, ...others] = new Set(allowed.values());
    if (!first || !operation) return;
    const facts: GroupFacts = { ...group.facts, operation };
    if (others.length === 0 && isSameSource(operation.compiled.primary, channel.facts.step)) {
      group.facts = facts;
      channel.rename(group, groupKey(facts, first));
      return;
    }
    await channel.settled();
    const deliveredId = channel.deliveredTo(group);
    for (const subscription of [...group.members]) {
      channel.leave(subscription, group);
      join(subscription, { ...facts, operation: allowed.get(subscription) ?? operation }, deliveredId);
    }
  }

  return {
    start(request, start) {
      const { operation, text, operationName, overrideLabels, variables, lastEventId } = request;
      const { outlet } = start;
      const user = userOf(outlet.credentials);
      const owner = user ?? `at ${outlet.address}`;
      assertRoom(user, owner);
      const subscription = new Subscription(start, operation.name, owner);
      countOwner(subscription, 1);
      telemetry.started(log, subscription);
      try {
        join(subscription, { operation, text, operationName, overrideLabels, variables }, lastEventId);
      } catch (error) {
        countOwner(subscription, -1);
        telemetry.ended(log, subscription, 'defect');
        throw error;
      }
      return subscription;
    },
    leave: (subscription, reason) => void take(subscription, reason),
    renewed: (subscription) => places.get(subscription)?.channel.renewed(subscription),
    async refresh() {
      refreshes += 1;
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

function groupKey({ operation, variables }: GroupFacts, { outlet, scope }: Subscription): string {
  let number = numbers.get(operation);
  if (number === undefined) numbers.set(operation, (number = lastNumber += 1));
  return `${number} ${hashKey(viewerOf(outlet.credentials), scope, JSON.stringify(variables))}`;
}

/** The planner has too much to do, or is starting again: that says nothing about the operation. */
function isBusy(error: unknown): boolean {
  return error instanceof Refusal && error.errors[0]?.extensions?.['code'] === 'UNAVAILABLE';
}

function refusalAs(error: GraphQLFormattedError): Refusal {
  return new Refusal(error.extensions?.['code'] as string, [error]);
}
