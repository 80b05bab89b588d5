import type { DomainEvent } from '@taskgraph/contracts';
import type { AfterCommit } from '../events/consumer.js';
import type { RawSqlClient } from '../events/outbox.js';
import type { PreparedReads } from '../prepared-reads.js';
import type { Tx } from '../transaction.js';

/**
 * PostgreSQL's advisory locks of users; 7_020 to 7_023 are those of events and of media. The triggers of the migrations take them too.
 * They are few, so that a transaction that names many users does not run out of locks.
 */
const USER_LOCKS = 7_024;
const LOCK = `SELECT pg_advisory_xact_lock(${USER_LOCKS}, hashtext($1) & 1023)`;
const NOTE = `
  INSERT INTO erased_users (user_id) VALUES ($1::uuid)
  ON CONFLICT (user_id) DO UPDATE SET told_at = now(), done_at = NULL`;

/**
 * Notes that a user's account is gone, so that what there is of them is erased. A transaction that writes something of that user
 * meanwhile has committed before, and its rows are found; or it comes later, and the database refuses it: triggers of the tables that name
 * users see to that, whatever code writes.
 */
export async function noteErasedUser<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<void> {
  await tx.$executeRawUnsafe(LOCK, userId);
  // A statement of its own: it sees what was committed while the one before waited.
  await tx.$executeRawUnsafe(NOTE, userId);
}

/**
 * Handles `auth.account-deleted.v1`: notes whose account is gone.
 *
 * @param wake lets the erasure begin
 */
export function noteDeletedAccount<Client extends RawSqlClient>(wake: () => void) {
  return async (tx: Tx<Client>, { data }: DomainEvent<'auth.account-deleted.v1'>): Promise<AfterCommit> => {
    await noteErasedUser(tx, data.userId);
    return wake;
  };
}

/** Takes a user whose erasure is to be gone on with, and keeps other processes from it until the transaction ends; null when there is none. */
export async function lockErasure<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<boolean> {
  const rows = await tx.$queryRawUnsafe<unknown[]>(
    'SELECT FROM erased_users WHERE user_id = $1::uuid AND done_at IS NULL FOR UPDATE SKIP LOCKED',
    userId,
  );
  return rows.length > 0;
}

/** Notes, in the transaction that tells of it, that nothing is left. */
export async function noteErasureDone<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<void> {
  await tx.$executeRawUnsafe('UPDATE erased_users SET done_at = now() WHERE user_id = $1::uuid', userId);
}

/** Somebody whose erasure has not ended. */
export interface PendingErasure {
  readonly userId: string;
  /** Of the note, as the database writes it. */
  readonly toldAt: string;
}

const FIRST: PendingErasure = { userId: '00000000-0000-0000-0000-000000000000', toldAt: '-infinity' };

/** Whose erasure has not ended, the longest first: a page of those behind one. */
export async function listErasures(
  reads: PreparedReads,
  limit: number,
  after: PendingErasure = FIRST,
): Promise<PendingErasure[]> {
  return reads.planned<PendingErasure>({
    text: `
      SELECT user_id::text AS "userId", told_at::text AS "toldAt" FROM erased_users
      WHERE done_at IS NULL AND (told_at, user_id) > ($2::timestamptz, $3::uuid) ORDER BY told_at, user_id LIMIT $1`,
    values: [limit, after.toldAt, after.userId],
  });
}

/** Of how many the erasure has not ended. */
export async function countErasures(reads: PreparedReads): Promise<number> {
  const [row] = await reads.planned<{ count: number }>({
    text: 'SELECT count(*)::int AS count FROM erased_users WHERE done_at IS NULL',
    values: [],
  });
  return row?.count ?? 0;
}
