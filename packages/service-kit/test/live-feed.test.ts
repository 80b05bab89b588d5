import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasRedisServer, startRedisServer, type RedisServer } from '@taskgraph/testkit';
import { createMemoryLiveFeed, type LiveFeed } from '../src/live-feed.js';
import { createLog, type Log } from '../src/log.js';
import { createRedisLiveFeed } from '../src/redis-live-feed.js';

const silent = createLog({ service: 'test', level: 'silent' });

/** Collects what a listener hears, and lets a test wait for it. */
function ear() {
  const heard: Array<string | null> = [];
  let changed: () => void = () => undefined;
  return {
    heard,
    listener: (message: string | null) => {
      heard.push(message);
      changed();
    },
    async untilHeard(message: string | null) {
      while (!heard.includes(message)) await new Promise<void>((resolve) => (changed = resolve));
    },
  };
}

async function untilReachable(feed: LiveFeed): Promise<LiveFeed> {
  for (;;) {
    const isReady = await feed.ping().then(
      () => true,
      () => false,
    );
    if (isReady) return feed;
    await delay(10);
  }
}

/** What every feed does. */
function behavesAsLiveFeed(open: () => Promise<LiveFeed>) {
  let feed: LiveFeed;
  beforeAll(async () => {
    feed = await open();
  });
  afterAll(async () => {
    await feed.close();
  });

  it('tells every listener of a channel each message, in order, and nobody else', async () => {
    const [first, second, other] = [ear(), ear(), ear()];
    await Promise.all([
      feed.subscribe('one', first.listener),
      feed.subscribe('one', second.listener),
      feed.subscribe('two', other.listener),
    ]);
    await feed.publish('one', '1');
    await feed.publish('one', '{"snow":"\u2603"}');
    await feed.publish('two', 'end');
    await Promise.all([first.untilHeard('{"snow":"\u2603"}'), second.untilHeard('{"snow":"\u2603"}')]);
    await other.untilHeard('end');
    expect(first.heard).toEqual(['1', '{"snow":"\u2603"}']);
    expect(second.heard).toEqual(['1', '{"snow":"\u2603"}']);
    expect(other.heard).toEqual(['end']);
  });

  it('tells nothing after the end, while others of the channel go on, and may be ended twice', async () => {
    const [leaving, staying] = [ear(), ear()];
    const end = await feed.subscribe('leave', leaving.listener);
    await feed.subscribe('leave', staying.listener);
    await feed.publish('leave', 'both');
    await Promise.all([leaving.untilHeard('both'), staying.untilHeard('both')]);
    await end();
    await end();
    await feed.publish('leave', 'one');
    await staying.untilHeard('one');
    expect(leaving.heard).toEqual(['both']);
  });

  it('takes a listener again after the last one of its channel has gone', async () => {
    const [before, after] = [ear(), ear()];
    await (
      await feed.subscribe('again', before.listener)
    )();
    await feed.subscribe('again', after.listener);
    await feed.publish('again', 'hello');
    await after.untilHeard('hello');
    expect(before.heard).toEqual([]);
  });

  it('lets one function listen twice, and end one of the two', async () => {
    const twice = ear();
    const end = await feed.subscribe('twice', twice.listener);
    await feed.subscribe('twice', twice.listener);
    await end();
    await feed.publish('twice', 'once');
    await twice.untilHeard('once');
    await feed.publish('twice', 'last');
    await twice.untilHeard('last');
    expect(twice.heard).toEqual(['once', 'last']);
  });

  it('answers when it is asked whether it is there', async () => {
    await feed.ping();
  });

  it('refuses everything once it is closed', async () => {
    const closed = await open();
    await closed.close();
    await expect(closed.publish('closed', 'x')).rejects.toThrow();
    await expect(closed.subscribe('closed', ear().listener)).rejects.toThrow();
    await expect(closed.ping()).rejects.toThrow();
  });
}

describe('a live feed in this process', () => {
  behavesAsLiveFeed(async () => createMemoryLiveFeed());
});

(hasRedisServer() ? describe : describe.skip)('a live feed through Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });
  const open = (prefix: string, log: Log = silent) =>
    untilReachable(createRedisLiveFeed({ url: redis.url, prefix, log }));

  behavesAsLiveFeed(() => open('suite:'));

  it('reaches other processes that name the same prefix, and no others', async () => {
    const [speaker, hearer, stranger] = await Promise.all([open('same:'), open('same:'), open('other:')]);
    const [heard, strange] = [ear(), ear()];
    await hearer.subscribe('news', heard.listener);
    await stranger.subscribe('news', strange.listener);
    await speaker.publish('news', 'hello');
    await stranger.publish('news', 'own');
    await Promise.all([heard.untilHeard('hello'), strange.untilHeard('own')]);
    expect(heard.heard).toEqual(['hello']);
    expect(strange.heard).toEqual(['own']);
    await Promise.all([speaker.close(), hearer.close(), stranger.close()]);
  });

  it('lets listeners look by themselves while Redis is away, then renews every subscription and says so', async () => {
    const lines: Array<{ level: string; msg: string }> = [];
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as { level: string; msg: string });
        done();
      },
    });
    const feed = await open('away:', createLog({ service: 'test', level: 'info', destination }));
    const [early, twin, late, ended] = [ear(), ear(), ear(), ear()];
    await feed.subscribe('news', early.listener);
    await feed.subscribe('news', twin.listener);
    const end = await feed.subscribe('ended', ended.listener);
    await redis.stop();
    await expect(feed.publish('news', 'lost')).rejects.toThrow();
    const endLate = await feed.subscribe('late', late.listener);
    await end();
    // Again and again, those who have come meanwhile too.
    while ([early, twin, late].some(({ heard }) => heard.length < 2)) await delay(20);

    await redis.start();
    await Promise.all([early.untilHeard(null), twin.untilHeard(null)]);
    await untilReachable(feed);
    // Renewed before the listeners were told: the first message after the null is heard.
    await feed.publish('late', 'somebody');
    await late.untilHeard('somebody');
    await endLate();
    await feed.publish('late', 'nobody');
    await feed.publish('ended', 'nobody');
    await feed.publish('news', 'back');
    await Promise.all([early.untilHeard('back'), twin.untilHeard('back')]);
    for (const { heard } of [early, twin]) expect(heard.filter((message) => message !== null)).toEqual(['back']);
    expect(late.heard.filter((message) => message !== null)).toEqual(['somebody']);
    expect(ended.heard).toEqual([]);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'the live feed cannot be reached; live events are looked for each second until it is back'],
      ['info', 'the live feed is back'],
    ]);
    await feed.close();
  });

  it('keeps a subscription that was asked for before the end of Redis was noticed', async () => {
    const feed = await open('unnoticed:');
    const heard = ear();
    const stopped = redis.stop();
    const subscribed = feed.subscribe('news', heard.listener);
    await stopped;
    await subscribed;
    await heard.untilHeard(null);
    await redis.start();
    await untilReachable(feed);
    await feed.publish('news', 'after all');
    await heard.untilHeard('after all');
    await feed.close();
  });

  it('keeps a subscription that was asked for just before Redis came back', async () => {
    const feed = await open('soon:');
    await redis.stop();
    const heard = ear();
    const subscribed = feed.subscribe('news', heard.listener);
    await redis.start();
    await subscribed;
    await untilReachable(feed);
    await feed.publish('news', 'hello');
    await heard.untilHeard('hello');
    await feed.close();
  });

  it('leaves nothing subscribed in Redis when everybody has gone', async () => {
    const feed = await open('clean:');
    const ends = await Promise.all(Array.from({ length: 50 }, (_, n) => feed.subscribe(`c${n % 5}`, ear().listener)));
    await Promise.all(ends.map((end) => end()));
    await feed.ping();
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    expect(await client.pubsub('CHANNELS', 'clean:*')).toEqual([]);
    client.disconnect();
    await feed.close();
  });
});
