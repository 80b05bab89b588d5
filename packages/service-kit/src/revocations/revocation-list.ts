import { REVOCATIONS_CHANNEL, type RevocationPage } from '@taskgraph/contracts';
import { z } from 'zod';
import type { LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';

export interface RevocationListOptions {
  /** Reads what has ended since a cursor; everything that still matters where it is null. */
  readonly read: (cursor: string | null, signal: AbortSignal) => Promise<RevocationPage>;
  /** Tells at once what has ended; null where nothing does, and the poll is all there is. */
  readonly feed: Pick<LiveFeed, 'subscribe'> | null;
  readonly pollMs: number;
  readonly log: Log;
  readonly now?: () => number;
}

/** The sessions that have ended while their access tokens would still be good (RFC 9700, 2.2.1; OWASP ASVS 5, 7.4). */
export interface RevocationList {
  isRevoked(sessionId: string): boolean;
  /** Resolves when the list was read for the first time, or could not be. */
  readonly settled: Promise<void>;
  /** Calls back after sessions were added. Returns what ends it. */
  onRevocation(listener: () => void): () => void;
  readonly size: number;
  close(): Promise<void>;
}

/** How long a session heard of on the feed is kept until the list says more. */
const DEFAULT_KEEP_MS = 24 * 60 * 60 * 1000;
const FEED_RETRY_MS = 1_000;
/** Services that start together wait for each other so long, and nobody needs to hear of it. */
const START_MS = 30_000;
const sessionIds = z.array(z.uuid()).max(1_000);

/**
 * Follows the list of ended sessions: by the live feed as they end, and by a poll that makes good what the feed has lost. While it
 * cannot be read, what is known stays known.
 */
export function createRevocationList(options: RevocationListOptions): RevocationList {
  const { read, feed, pollMs, log, now = Date.now } = options;
  /** Until when each is to be remembered, in the order in which they were heard of. */
  const forgetAt = new Map<string, number>();
  const listeners = new Set<() => void>();
  let cursor: string | null = null;
  let keepMs = DEFAULT_KEEP_MS;
  let underWay: Promise<void> | null = null;
  let mustReadAgain = false;
  const startedAt = now();
  let hasRead = false;
  let hasFailed = false;
  let isTold = false;
  let isClosed = false;
  const closed = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let feedTimer: NodeJS.Timeout | undefined;
  let stopListening: (() => Promise<void>) | null = null;

  function add(sessions: ReadonlyArray<{ readonly id: string; readonly until: number }>): void {
    const before = forgetAt.size;
    for (const { id, until } of sessions) if (until > now()) forgetAt.set(id, until);
    if (forgetAt.size > before) for (const listener of [...listeners]) listener();
  }

  function forgetOld(): void {
    const time = now();
    for (const [id, until] of forgetAt) if (until <= time) forgetAt.delete(id);
  }

  async function readAll(): Promise<void> {
    do {
      mustReadAgain = false;
      const page = await read(cursor, closed.signal);
      keepMs = page.keepSeconds * 1000;
      add(page.sessions.map(({ id, revokedAt }) => ({ id, until: revokedAt + keepMs })));
      cursor = page.cursor;
      mustReadAgain ||= page.hasMore;
    } while (mustReadAgain && !isClosed);
  }

  async function refresh(): Promise<void> {
    try {
      await readAll();
      if (isTold) log.info('the list of ended sessions can be read again');
      hasRead = true;
      hasFailed = false;
      isTold = false;
    } catch (error) {
      hasFailed = true;
      const isWorthTelling = hasRead || now() - startedAt > START_MS;
      if (isWorthTelling && !isTold && !isClosed) {
        isTold = true;
        log.warn({ err: error }, 'the list of ended sessions cannot be read; what is known of it holds');
      }
    }
    forgetOld();
  }

  function poll(): Promise<void> {
    if (underWay) mustReadAgain = true;
    clearTimeout(timer);
    underWay ??= refresh().finally(() => {
      underWay = null;
      if (isClosed) return;
      // Asked for when the last read had been made.
      if (mustReadAgain && !hasFailed) void poll();
      else timer = setTimeout(() => void poll(), pollMs).unref();
    });
    return underWay;
  }

  function hear(message: string | null): void {
    const ids = message === null ? null : readIds(message);
    if (ids) add(ids.map((id) => ({ id, until: now() + keepMs })));
    else void poll();
  }

  async function listen(): Promise<void> {
    try {
      const stop = await feed?.subscribe(REVOCATIONS_CHANNEL, hear);
      if (isClosed) await stop?.();
      else stopListening = stop ?? null;
    } catch {
      // The feed itself tells that it is away; until it is back there is the poll.
      if (!isClosed) feedTimer = setTimeout(() => void listen(), FEED_RETRY_MS).unref();
    }
  }

  // Listened to first: what ends while the list is read is not lost in between.
  void listen();
  return {
    settled: poll(),
    isRevoked: (sessionId) => forgetAt.size > 0 && forgetAt.has(sessionId),
    onRevocation(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    get size() {
      return forgetAt.size;
    },
    async close() {
      isClosed = true;
      closed.abort(new Error('the list of ended sessions is closed'));
      clearTimeout(timer);
      clearTimeout(feedTimer);
      listeners.clear();
      await Promise.all([stopListening?.().catch(() => undefined), underWay]);
    },
  };
}

function readIds(message: string): readonly string[] | null {
  try {
    return sessionIds.parse(JSON.parse(message));
  } catch {
    return null;
  }
}
