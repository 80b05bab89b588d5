import { setTimeout as delay } from 'node:timers/promises';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Redis, type RedisOptions } from 'ioredis';
import type { LiveFeed, LiveFeedListener } from './live-feed.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { timeRedis } from './time-redis.js';

interface RedisLiveFeedOptions {
  readonly url: string;
  /** Of the channels: processes that name the same one share their messages. */
  readonly prefix: string;
  readonly log: Log;
  readonly metrics?: Metrics;
}

const COMMAND_TIMEOUT_MS = 2_000;
const RECONNECT_MS = 500;
/** A connection that died without a word, as behind a firewall, is found out by asking. */
const WATCH_INTERVAL_MS = 2_000;
/** While Redis is away: how often a listener is told that it may have missed something, and how many are at one moment. */
const POLL_MS = 1_000;
const POLL_TICK_MS = 100;
const POLLED_AT_ONCE = 20;

const CONNECTION: RedisOptions = { retryStrategy: () => RECONNECT_MS, disconnectTimeout: 100, keepAlive: 10_000 };

/**
 * A feed through Redis, heard by all processes that name the same `prefix`.
 *
 * It reconnects for ever. After a reconnect every subscription is renewed first, and only then do listeners get their null:
 * what they read at that moment and what they hear from then on leave no gap.
 *
 * While Redis is away, listeners get their null about once a second, in turn where they are many: they look by themselves, and new
 * ones may come. So news come a second later, and the store that they read is asked for so much at once and no more.
 */
export function createRedisLiveFeed({ url, prefix, log, metrics }: RedisLiveFeedOptions): LiveFeed {
  // A message that waits for a connection would come too late to be worth waiting for.
  const publisher = new Redis(url, {
    ...CONNECTION,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
  // Commands of this one outlive a lost connection: a SUBSCRIBE that was under way is sent again.
  const subscriber = new Redis(url, { ...CONNECTION, maxRetriesPerRequest: null, autoResubscribe: false });
  if (metrics) timeRedis(publisher, metrics, 'live feed');
  const pubsub = new RedisPubSub({
    publisher,
    subscriber: withoutRejections(subscriber),
    serializer: (message: string) => message,
    deserializer: (message: Buffer | string) => message.toString(),
  });
  interface Subscription {
    readonly channel: string;
    readonly listener: LiveFeedListener;
    nextPollAt: number;
  }
  /** The one that was polled longest ago is the first. */
  const subscriptions = new Set<Subscription>();
  let isClosed = false;
  let wasLost = false;

  reportAbsence([publisher, subscriber], log);
  subscriber.on('close', () => (wasLost = true));
  subscriber.on('ready', () => {
    if (wasLost) void renew();
    wasLost = false;
  });
  const watch = setInterval(() => void dropIfSilent(), WATCH_INTERVAL_MS).unref();
  const poll = setInterval(pollWhileAway, POLL_TICK_MS).unref();

  async function renew(): Promise<void> {
    const channels = [...new Set([...subscriptions].map(({ channel }) => channel))];
    try {
      if (channels.length > 0) await subscriber.subscribe(...channels);
    } catch {
      // Closed for good: without retries to exhaust, nothing else ends a command of this connection.
      return;
    }
    missed();
  }

  function missed(): void {
    for (const { listener } of [...subscriptions]) listener(null);
  }

  function pollWhileAway(): void {
    if (subscriber.status === 'ready') return;
    const now = performance.now();
    let polled = 0;
    for (const subscription of [...subscriptions]) {
      if (polled === POLLED_AT_ONCE) return;
      if (subscription.nextPollAt > now) continue;
      polled += 1;
      subscription.nextPollAt = now + POLL_MS;
      subscriptions.delete(subscription);
      subscriptions.add(subscription);
      subscription.listener(null);
    }
  }

  async function dropIfSilent(): Promise<void> {
    if (subscriber.status !== 'ready') return;
    try {
      await within(subscriber.ping());
    } catch {
      if (!isClosed) subscriber.disconnect(true);
    }
  }

  return {
    shared: true,
    missed,
    async publish(channel, message) {
      await pubsub.publish(prefix + channel, message);
    },
    async subscribe(channel, listener) {
      if (isClosed) throw new Error('the live feed is closed');
      const subscription: Subscription = { channel: prefix + channel, listener, nextPollAt: 0 };
      // Renewed with the others when the connection is lost before Redis has answered.
      subscriptions.add(subscription);
      const subscribed = pubsub.subscribe(subscription.channel, (message: string) => {
        if (subscriptions.has(subscription)) listener(message);
      });
      const end = async () => {
        if (!subscriptions.delete(subscription)) return;
        const ended = subscribed.then((id) => pubsub.unsubscribe(id));
        // What Redis has not heard of yet it is told of when it is back.
        if (subscriber.status === 'ready') await ended;
      };
      if (subscriber.status === 'ready') {
        try {
          if (await within(answeredOrLost(subscriber, subscribed))) return end;
        } catch (error) {
          // Whenever it is answered after all, nobody listens any more.
          void end();
          throw error;
        }
      }
      // It is polled until Redis is back, and then once more: what came before Redis knew of it was not heard.
      void subscribed.then(() => {
        if (subscriptions.has(subscription)) listener(null);
      });
      return end;
    },
    async ping() {
      await Promise.all([within(publisher.ping()), within(subscriber.ping())]);
    },
    async close() {
      isClosed = true;
      clearInterval(watch);
      clearInterval(poll);
      subscriptions.clear();
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

/**
 * The subscriber as RedisPubSub may have it. That leaves rejections of its commands unhandled, which would end the process;
 * a command of our connection fails only when the connection is closed for good, and then nobody waits any more.
 */
function withoutRejections(subscriber: Redis): Redis {
  const commands: Pick<Redis, 'on'> & Record<'subscribe' | 'unsubscribe' | 'punsubscribe', unknown> = {
    on: subscriber.on.bind(subscriber),
    subscribe: (channel: string, done: (error: null) => void) => {
      subscriber.subscribe(channel).then(
        () => done(null),
        () => undefined,
      );
    },
    unsubscribe: (channel: string) => void subscriber.unsubscribe(channel).catch(() => undefined),
    // We use no patterns, and RedisPubSub ends a pattern of every channel's name.
    punsubscribe: () => undefined,
  };
  return commands as unknown as Redis;
}

/** Says once when Redis is away, and once when all connections are back. */
function reportAbsence(connections: readonly Redis[], log: Log): void {
  const away = new Set<Redis>();
  for (const connection of connections) {
    connection.on('error', (error) => {
      if (away.size === 0)
        log.warn(
          { err: error },
          'the live feed cannot be reached; live events are looked for each second until it is back',
        );
      away.add(connection);
    });
    connection.on('ready', () => {
      if (away.delete(connection) && away.size === 0) log.info('the live feed is back');
    });
  }
}

/** Whether there was an answer, and not the end of the connection before it: Redis may have gone while `status` is still `ready`. */
async function answeredOrLost(connection: Redis, answer: Promise<unknown>): Promise<boolean> {
  let lost: () => void = () => undefined;
  const end = new Promise<boolean>((resolve) => (lost = () => resolve(false)));
  connection.once('close', lost);
  try {
    return await Promise.race([answer.then(() => true), end]);
  } finally {
    connection.off('close', lost);
  }
}

/** @throws when there is no answer in time */
async function within<Result>(answer: Promise<Result>): Promise<Result> {
  const answered = new AbortController();
  const late = delay(COMMAND_TIMEOUT_MS, undefined, { signal: answered.signal, ref: false }).then(() => {
    throw new Error(`no answer from Redis within ${COMMAND_TIMEOUT_MS} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
    answer.catch(() => undefined);
  }
}
