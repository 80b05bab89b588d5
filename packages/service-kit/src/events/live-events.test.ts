import { describe, expect, it } from '@jest/globals';
import { uuid7 } from '@taskgraph/contracts';
import { createMemoryLiveFeed, type LiveFeed } from '../live-feed.js';
import { followSubject, liveEvents } from './live-events.js';
import type { OutboxReader, OutboxRow } from './outbox.js';

const SUBJECT = 'subject';
const CHANNEL = `events:${SUBJECT}`;

/** An outbox of one subject, in memory, that counts how often it is read. */
function fakeOutbox() {
  const rows: OutboxRow[] = [];
  const outbox = {
    rows,
    reads: 0,
    /** Runs at the start of a read, e.g. to let something happen meanwhile. */
    onRead: async () => undefined as void,
    /** Positions are of all subjects together, so those of one have gaps. */
    append(count = 1): string[] {
      return Array.from({ length: count }, () => {
        const id = uuid7();
        const position = (rows.at(-1)?.position ?? 0n) + 3n;
        rows.push({
          position,
          event: {
            id,
            type: 'task.updated.v1',
            source: 'task',
            subject: SUBJECT,
            sequence: String(position),
            time: new Date().toISOString(),
            data: {},
          },
        });
        return id;
      });
    },
    newest: () => (rows.at(-1)?.position ?? 0n).toString(),
    read: async (after: bigint, limit: number) => {
      outbox.reads += 1;
      const found = rows.filter(({ position }) => position > after).slice(0, limit);
      await outbox.onRead();
      return found;
    },
  };
  return outbox;
}

function readerOf(outbox: ReturnType<typeof fakeOutbox>): OutboxReader {
  return {
    positionOf: async (id) => outbox.rows.find(({ event }) => event.id === id)?.position ?? null,
    newestPosition: async () => BigInt(outbox.newest()),
    readAfter: (_subject, position, limit) => outbox.read(position, limit),
  };
}

async function follow(outbox: ReturnType<typeof fakeOutbox>, { feed = createMemoryLiveFeed(), after = 0n } = {}) {
  const abort = new AbortController();
  const events = await liveEvents({ feed, channel: CHANNEL, read: outbox.read, after, signal: abort.signal });
  const take = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const result = await events.next();
      if (result.done) throw new Error('the events have ended');
      ids.push(result.value.id);
    }
    return ids;
  };
  return { feed, abort, events, take };
}

describe('live events', () => {
  it('begin behind the position that they are given, without being woken', async () => {
    const outbox = fakeOutbox();
    const [, second, third] = outbox.append(3);
    const { take } = await follow(outbox, { after: outbox.rows[0]?.position ?? 0n });
    expect(await take(2)).toEqual([second, third]);
  });

  it('come once and in order, however often and in whatever order wake-ups come', async () => {
    const outbox = fakeOutbox();
    const { feed, take } = await follow(outbox);
    const first = outbox.append(2);
    const early = outbox.newest();
    const second = outbox.append(1);
    const late = outbox.newest();
    for (const message of [late, early, late, late]) await feed.publish(CHANNEL, message);
    expect(await take(3)).toEqual([...first, ...second]);
    const reads = outbox.reads;
    // Nothing new: these are not worth a read.
    await feed.publish(CHANNEL, early);
    await feed.publish(CHANNEL, late);
    const next = outbox.append(1);
    await feed.publish(CHANNEL, outbox.newest());
    expect(await take(1)).toEqual(next);
    expect(outbox.reads).toBe(reads + 1);
  });

  it('make a lost wake-up good at the next one', async () => {
    const outbox = fakeOutbox();
    const { feed, take } = await follow(outbox);
    const lost = outbox.append(2);
    const told = outbox.append(1);
    await feed.publish(CHANNEL, outbox.newest());
    expect(await take(3)).toEqual([...lost, ...told]);
  });

  it('look again when messages may have been missed, and when one cannot be understood', async () => {
    const outbox = fakeOutbox();
    const { feed, take } = await follow(outbox, { after: 0n });
    const first = take(1);
    const missed = outbox.append(1);
    feed.missed();
    expect(await first).toEqual(missed);
    const second = take(1);
    const odd = outbox.append(1);
    await feed.publish(CHANNEL, 'news!');
    expect(await second).toEqual(odd);
  });

  it('hear a wake-up that comes while they read', async () => {
    const outbox = fakeOutbox();
    const { feed, take } = await follow(outbox);
    const ids: string[] = [];
    outbox.onRead = async () => {
      outbox.onRead = async () => undefined;
      ids.push(...outbox.append(1));
      await feed.publish(CHANNEL, outbox.newest());
    };
    const [heard] = await take(1);
    expect(heard).toBe(ids[0]);
  });

  it('read on until nothing is left, more than one read gives', async () => {
    const outbox = fakeOutbox();
    const ids = outbox.append(250);
    const { take } = await follow(outbox);
    expect(await take(250)).toEqual(ids);
    expect(outbox.reads).toBe(3);
  });

  it('keep no more than one read, however far the consumer is behind', async () => {
    const outbox = fakeOutbox();
    const ids = outbox.append(1);
    const { feed, take } = await follow(outbox);
    expect(await take(1)).toEqual(ids);
    for (let index = 0; index < 500; index += 1) {
      ids.push(...outbox.append(1));
      await feed.publish(CHANNEL, outbox.newest());
    }
    expect(outbox.reads).toBe(1);
    expect(await take(500)).toEqual(ids.slice(1));
    expect(outbox.reads).toBe(6);
  });

  it('end at once when they are aborted, and stop listening', async () => {
    const outbox = fakeOutbox();
    const feed = createMemoryLiveFeed();
    let listening = 0;
    const counting: LiveFeed = {
      ...feed,
      subscribe: async (channel, listener) => {
        const end = await feed.subscribe(channel, listener);
        listening += 1;
        return async () => {
          await end();
          listening -= 1;
        };
      },
    };
    const waiting = await follow(outbox, { feed: counting });
    const pending = waiting.events.next();
    waiting.abort.abort();
    expect(await pending).toEqual({ done: true, value: undefined });

    // In the middle of a batch.
    const behind = await follow(outbox, { feed: counting });
    outbox.append(3);
    await behind.take(1);
    behind.abort.abort();
    expect(await behind.events.next()).toEqual({ done: true, value: undefined });

    const unread = await follow(outbox, { feed: counting });
    unread.abort.abort();
    const returned = await follow(outbox, { feed: counting });
    await returned.take(1);
    await returned.events.return();
    while (listening > 0) await Promise.resolve();
  });

  it('are unavailable when the feed is, and fail when the outbox does', async () => {
    const outbox = fakeOutbox();
    const closed = createMemoryLiveFeed();
    await closed.close();
    await expect(follow(outbox, { feed: closed })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'LIVE_FEED_UNAVAILABLE',
    });
    const { take } = await follow(outbox);
    outbox.onRead = () => Promise.reject(new Error('gone'));
    await expect(take(1)).rejects.toThrow('gone');
  });
});

describe('following a subject', () => {
  const begin = (
    outbox: ReturnType<typeof fakeOutbox>,
    more: { lastEventId?: string; assertAccess?: () => Promise<void> },
  ) =>
    followSubject({
      feed: createMemoryLiveFeed(),
      outbox: readerOf(outbox),
      subject: SUBJECT,
      assertAccess: async () => undefined,
      signal: new AbortController().signal,
      ...more,
    });

  it('begins with what happens while access is checked', async () => {
    const outbox = fakeOutbox();
    outbox.append(2);
    const ids: string[] = [];
    const events = await begin(outbox, { assertAccess: async () => void ids.push(...outbox.append(1)) });
    expect((await events.next()).value).toMatchObject({ id: ids[0] });
  });

  it('resumes behind the last event that the subscriber has', async () => {
    const outbox = fakeOutbox();
    const [, second, third] = outbox.append(3);
    const events = await begin(outbox, { lastEventId: second as string });
    expect((await events.next()).value).toMatchObject({ id: third });
  });

  it('cannot resume behind an event that is not kept', async () => {
    await expect(begin(fakeOutbox(), { lastEventId: uuid7() })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      reason: 'RESUME_EXPIRED',
    });
  });

  it('says nothing about events to whoever may not see the subject', async () => {
    const denied = new Error('denied');
    await expect(
      begin(fakeOutbox(), { lastEventId: uuid7(), assertAccess: () => Promise.reject(denied) }),
    ).rejects.toBe(denied);
  });
});
