import type { EventEnvelope } from '@taskgraph/contracts';
import { AppError, badUserInput } from '../app-error.js';
import type { LiveFeed } from '../live-feed.js';
import type { OutboxReader, OutboxRow } from './outbox.js';
import { subjectChannel } from './wake-ups.js';

/** Events of one read. */
const BATCH = 100;

interface LiveEventsOptions {
  readonly feed: LiveFeed;
  /** Its messages are the newest position of the subject, decimal. */
  readonly channel: string;
  /** Reads what lies behind a position, in order. */
  readonly read: (after: bigint, limit: number) => Promise<readonly OutboxRow[]>;
  /** The position of the last event that the caller knows of. */
  readonly after: bigint;
  /** Ends the events, and the listening, at once. */
  readonly signal: AbortSignal;
}

/**
 * Follows the events of one subject: each once, in order, none left out.
 *
 * The outbox is the truth and the feed only says when to look. It listens first and then reads what lies behind `after`, so
 * nothing falls in between; a wake-up that was lost is made good by the next one, or by the feed's null. Nothing is kept but
 * what one read has given, so a slow consumer costs no memory.
 *
 * @throws AppError UNAVAILABLE when the feed cannot be reached
 */
export async function liveEvents(options: LiveEventsOptions): Promise<AsyncGenerator<EventEnvelope, void, void>> {
  const { feed, channel, read, signal } = options;
  /** Of the last event that was read. */
  let position = options.after;
  /** The first read is not asked for by anybody. */
  let mustRead = true;
  let wake: () => void = () => undefined;

  function hear(message: string | null): void {
    if (message !== null && /^[0-9]+$/.test(message) && BigInt(message) <= position) return;
    mustRead = true;
    wake();
  }
  const stopListening = await listen(feed, channel, hear);
  const stop = () => {
    wake();
    // A feed that cannot be reached forgets the listener all the same.
    stopListening().catch(() => undefined);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });

  async function* follow(): AsyncGenerator<EventEnvelope, void, void> {
    try {
      for (;;) {
        if (!mustRead) await new Promise<void>((resolve) => (signal.aborted ? resolve() : (wake = resolve)));
        if (signal.aborted) return;
        mustRead = false;
        const rows = await read(position, BATCH);
        position = rows.at(-1)?.position ?? position;
        if (rows.length === BATCH) mustRead = true;
        for (const { event } of rows) {
          if (signal.aborted) return;
          yield event;
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }
  return follow();
}

async function listen(
  feed: LiveFeed,
  channel: string,
  listener: (message: string | null) => void,
): Promise<() => Promise<void>> {
  try {
    return await feed.subscribe(channel, listener);
  } catch (cause) {
    throw new AppError('UNAVAILABLE', 'Live events are unavailable. Try again shortly.', {
      reason: 'LIVE_FEED_UNAVAILABLE',
      cause,
    });
  }
}

interface FollowOptions {
  readonly feed: LiveFeed;
  readonly outbox: OutboxReader;
  readonly subject: string;
  /** The last event that the subscriber has, when it resumes. */
  readonly lastEventId?: string | undefined;
  /** Runs after the starting point is fixed: what it reads is at least as new. @throws when the subject is not for the subscriber */
  readonly assertAccess: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

/**
 * Follows a subject from now on, or from behind the last event that the subscriber has.
 *
 * @throws AppError BAD_USER_INPUT (`RESUME_EXPIRED`) when that event is no longer kept
 * @throws AppError UNAVAILABLE when the feed cannot be reached
 */
export async function followSubject(options: FollowOptions): Promise<AsyncGenerator<EventEnvelope, void, void>> {
  const { feed, outbox, subject, lastEventId, signal } = options;
  // First of all: what happens while access is checked belongs to the subscription.
  const newest = await outbox.newestPosition(subject);
  await options.assertAccess();
  const after = lastEventId === undefined ? newest : await outbox.positionOf(lastEventId, subject);
  if (after === null)
    throw badUserInput(
      'The event of `lastEventId` is no longer kept: load what you show anew and subscribe without `lastEventId`.',
      'RESUME_EXPIRED',
    );
  return liveEvents({
    feed,
    channel: subjectChannel(subject),
    read: (position, limit) => outbox.readAfter(subject, position, limit),
    after,
    signal,
  });
}
