import { afterEach, describe, expect, it } from '@jest/globals';
import { REVOCATIONS_CHANNEL, uuid7, type RevocationPage } from '@taskgraph/contracts';
import { createMemoryLiveFeed } from '../live-feed.js';
import { createLog } from '../log.js';
import { createRevocationList, type RevocationList, type RevocationListOptions } from './revocation-list.js';

const NEVER_MS = 2_000_000;
const opened: RevocationList[] = [];
afterEach(async () => {
  for (const list of opened.splice(0)) await list.close();
});

function page(ids: readonly string[], more: Partial<RevocationPage> = {}): RevocationPage {
  const sessions = ids.map((id) => ({ id, revokedAt: 1_000_000 }));
  return { sessions, cursor: 'next', hasMore: false, keepSeconds: 900, ...more };
}

function open(read: RevocationListOptions['read'], options: Partial<RevocationListOptions> = {}): RevocationList {
  const log = createLog({ service: 't', level: 'silent' });
  const list = createRevocationList({ read, feed: null, pollMs: NEVER_MS, log, now: () => 1_000_000, ...options });
  opened.push(list);
  return list;
}

/** Waits for the next call-back. */
const nextOf = (list: RevocationList) =>
  new Promise<void>((resolve) => {
    const stop = list.onRevocation(() => {
      stop();
      resolve();
    });
  });

describe('the list of ended sessions', () => {
  it('is read from the start, page by page, and then from the cursor on', async () => {
    const [one, two] = [uuid7(), uuid7()];
    const cursors: Array<string | null> = [];
    const pages = [page([one], { cursor: 'a', hasMore: true }), page([two], { cursor: 'b' })];
    const list = open(
      async (cursor) => {
        cursors.push(cursor);
        return pages[cursors.length - 1] ?? page([], { cursor: 'b' });
      },
      { pollMs: 1 },
    );
    await list.settled;
    expect([list.isRevoked(one), list.isRevoked(two), list.isRevoked(uuid7()), list.size]).toEqual([
      true,
      true,
      false,
      2,
    ]);
    while (cursors.length < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(cursors.slice(0, 4)).toEqual([null, 'a', 'b', 'b']);
  });

  it('hears at once what the feed says, and reads what the feed may have lost or what it does not understand', async () => {
    const feed = createMemoryLiveFeed();
    const [heard, lost, late] = [uuid7(), uuid7(), uuid7()];
    let ended: string[] = [];
    const list = open(async () => page(ended), { feed });
    await list.settled;
    await feed.publish(REVOCATIONS_CHANNEL, JSON.stringify([heard]));
    expect(list.isRevoked(heard)).toBe(true);
    for (const [id, tell] of [
      [lost, () => feed.missed()],
      [late, () => void feed.publish(REVOCATIONS_CHANNEL, '{"not": "ids"}')],
    ] as const) {
      ended = [...ended, id];
      const next = nextOf(list);
      tell();
      await next;
      expect(list.isRevoked(id)).toBe(true);
    }
  });

  it('goes on to hold while it cannot be read, and is read again after that; a feed that cannot be reached keeps nobody waiting', async () => {
    const [before, after] = [uuid7(), uuid7()];
    let state: 'first' | 'down' | 'back' = 'first';
    let failures = 0;
    const list = open(
      async () => {
        if (state === 'first') return page([before]);
        if (state === 'back') return page([after]);
        failures += 1;
        throw new Error('auth is away');
      },
      { pollMs: 1, feed: { subscribe: () => Promise.reject(new Error('Redis is away')) } },
    );
    await list.settled;
    state = 'down';
    while (failures < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(list.isRevoked(before)).toBe(true);
    const next = nextOf(list);
    state = 'back';
    await next;
    expect([list.isRevoked(before), list.isRevoked(after)]).toEqual([true, true]);
  });

  it('settles also when it cannot be read', async () => {
    const list = open(() => Promise.reject(new Error('auth is away')));
    await list.settled;
    expect(list.isRevoked(uuid7())).toBe(false);
  });

  it('forgets what no token can belong to any more', async () => {
    let now = 1_000_000;
    const id = uuid7();
    let reads = 0;
    const list = open(async () => page((reads += 1) === 1 ? [id] : []), { pollMs: 1, now: () => now });
    await list.settled;
    now += 899_999;
    expect(list.isRevoked(id)).toBe(true);
    now += 2;
    while (list.size > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(list.isRevoked(id)).toBe(false);
  });
});
