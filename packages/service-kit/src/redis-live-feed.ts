import { setTimeout as delay } from 'node:timers/promises';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Redis, type RedisOptions } from 'ioredis';
import type { LiveFeed, LiveFeedListener } from './live-feed.js';
import type { Log } from './log.js';

export interface RedisLiveFeedOptions {
  readonly url: string;
  /** Of the channels: processes that name the same one share their messages. */
  readonly prefix: string;
  readonly log: Log;
}

const COMMAND_TIMEOUT_MS = 2_000;
const RECONNECT_MS = 500;
/** A connection that died without a word, as behind a firewall, is found out by asking. */
const WATCH_INTERVAL_MS = 15_000;

const CONNECTION: RedisOptions = { retryStrategy: () => RECONNECT_MS, disconnectTimeout: 100, keepAlive: 10_000 };

/**
 * A feed through Redis, heard by all processes that name the same `prefix`.
 *
 * It reconnects for ever. After a reconnect every subscription is renewed first, and only then do listeners get their null:
 * what they read at that moment and what they hear from then on leave no gap.
 */
export function createRedisLiveFeed({ url, prefix, log }: RedisLiveFeedOptions): LiveFeed {
  // A message that waits for a connection would come too late to be worth waiting for.
  const publisher = new Redis(url, {
    ...CONNECTION,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  });
  // Commands of this one outlive a lost connection: a SUBSCRIBE that was under way is sent again.
  const subscriber = new Redis(url, { ...CONNECTION, maxRetriesPerRequest: null, autoResubscribe: false });
  const pubsub = new RedisPubSub({
    publisher,
    subscriber: withoutRejections(subscriber),
    serializer: (message: string) => message,
    deserializer: (message: Buffer | string) => message.toString(),
  });
  const subscriptions = new Set<{ readonly channel: string; readonly listener: LiveFeedListener }>();
  let isClosed = false;
  let wasLost = false;

  reportAbsence([publisher, subscriber], log);
  subscriber.on('close', () => (wasLost = true));
  subscriber.on('ready', () => {
    if (wasLost) void renew();
    wasLost = false;
  });
  const watch = setInterval(() => void dropIfSilent(), WATCH_INTERVAL_MS).unref();

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
      const subscription = { channel: prefix + channel, listener };
      // Renewed with the others when the connection is lost before Redis has answered.
      subscriptions.add(subscription);
      const subscribed = pubsub.subscribe(subscription.channel, (message: string) => {
        if (subscriptions.has(subscription)) listener(message);
      });
      const end = async () => {
        if (subscriptions.delete(subscription)) pubsub.unsubscribe(await subscribed);
      };
      try {
        await within(subscribed);
      } catch (error) {
        // Whenever it is answered after all, nobody listens any more.
        void end();
        throw error;
      }
      return end;
    },
    async ping() {
      await Promise.all([within(publisher.ping()), within(subscriber.ping())]);
    },
    async close() {
      isClosed = true;
      clearInterval(watch);
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
        log.warn({ err: error }, 'the live feed cannot be reached; live events wait until it is back');
      away.add(connection);
    });
    connection.on('ready', () => {
      if (away.delete(connection) && away.size === 0) log.info('the live feed is back');
    });
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
