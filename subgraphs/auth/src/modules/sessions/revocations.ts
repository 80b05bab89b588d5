import { REVOCATIONS_CHANNEL, type RevocationPage } from '@taskgraph/contracts';
import {
  badUserInput,
  createRevocationList,
  isUuid,
  toDatabaseFault,
  type LiveFeed,
  type Log,
  type RevocationList,
} from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';

export interface RevocationsOptions {
  readonly db: AuthDb;
  readonly feed: LiveFeed;
  readonly accessTokenLifetimeSeconds: number;
  readonly pollMs: number;
  readonly log: Log;
}

/** Which sessions have ended while their access tokens would still be good, for this process and for all others. */
export interface Revocations extends RevocationList {
  /** Tells every process that sessions have ended, when the transaction that has ended them is over. Never throws: the poll makes it good. */
  announce(sessionIds: readonly string[]): Promise<void>;
  /** The list for those who verify tokens: ids of ended sessions, which open nothing. @throws BAD_USER_INPUT when the cursor is none of ours */
  readPage(cursor: string | null): Promise<RevocationPage>;
}

/** Of one answer. */
const PAGE = 10_000;
/** Of one message. */
const BATCH = 500;
/** A transaction may take ten seconds from the moment that it has noted to the one in which others see it. */
const OVERLAP_MS = 15_000;
/** Clocks differ, and tokens of a longer lifetime may be about when that setting is shortened. */
const SLACK_SECONDS = 60;
const MIN_KEEP_SECONDS = 60 * 60;
const PURGE_INTERVAL_MS = 60 * 60 * 1000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export function createRevocations({
  db,
  feed,
  accessTokenLifetimeSeconds,
  pollMs,
  log,
}: RevocationsOptions): Revocations {
  const keepSeconds = Math.max(MIN_KEEP_SECONDS, accessTokenLifetimeSeconds + SLACK_SECONDS);
  const oldest = () => new Date(Date.now() - keepSeconds * 1000);

  async function readPage(cursor: string | null): Promise<RevocationPage> {
    const after = cursor === null ? { revokedAt: oldest(), id: FIRST_ID } : parseCursor(cursor);
    const startedAt = Date.now();
    const rows = await findRows({
      where: {
        OR: [{ revokedAt: { gt: after.revokedAt } }, { revokedAt: after.revokedAt, sessionId: { gt: after.id } }],
        revokedAt: { gte: oldest() },
      },
      orderBy: [{ revokedAt: 'asc' }, { sessionId: 'asc' }],
      take: PAGE,
    });
    const last = rows.length === PAGE ? rows.at(-1) : undefined;
    const overlap = new Date(Math.max(after.revokedAt.getTime(), startedAt - OVERLAP_MS));
    return {
      sessions: rows.map(({ sessionId, revokedAt }) => ({ id: sessionId, revokedAt: revokedAt.getTime() })),
      cursor: last ? toCursor(last.revokedAt, last.sessionId) : toCursor(overlap, FIRST_ID),
      hasMore: last !== undefined,
      keepSeconds,
    };
  }

  async function findRows(query: Parameters<typeof db.revokedSession.findMany>[0]) {
    try {
      return await db.revokedSession.findMany(query);
    } catch (error) {
      throw toDatabaseFault(error, 'auth') ?? error;
    }
  }

  async function purge(): Promise<void> {
    try {
      await db.revokedSession.deleteMany({ where: { revokedAt: { lt: oldest() } } });
    } catch (error) {
      log.warn({ err: error }, 'old rows of ended sessions could not be removed');
    }
  }

  const list = createRevocationList({ read: readPage, feed, pollMs, log });
  const purging = setInterval(() => void purge(), PURGE_INTERVAL_MS).unref();
  return {
    ...list,
    get size() {
      return list.size;
    },
    readPage,
    async announce(sessionIds) {
      for (let index = 0; index < sessionIds.length; index += BATCH) {
        try {
          await feed.publish(REVOCATIONS_CHANNEL, JSON.stringify(sessionIds.slice(index, index + BATCH)));
        } catch (error) {
          log.debug({ err: error }, 'ended sessions are told by the poll only');
          return;
        }
      }
    },
    async close() {
      clearInterval(purging);
      await list.close();
    },
  };
}

function toCursor(revokedAt: Date, id: string): string {
  return `${revokedAt.getTime()}_${id}`;
}

/** @throws BAD_USER_INPUT */
function parseCursor(cursor: string): { readonly revokedAt: Date; readonly id: string } {
  const [time = '', id = ''] = cursor.split('_');
  if (!/^\d{1,14}$/.test(time) || !isUuid(id)) throw badUserInput('This is no cursor of the list of ended sessions.');
  return { revokedAt: new Date(Number(time)), id };
}
