import type { MediaDbClient } from '../../db.js';

/** Counts what a user's files take: deleted ones that can be restored, and what is announced for uploads under way, included. */
export async function countUsedBytes(db: MediaDbClient, userId: string): Promise<number> {
  const [row] = await db.$queryRaw<Array<{ used: number }>>`
    SELECT (
      (SELECT coalesce(sum(byte_size), 0) FROM media_items WHERE uploader_id = ${userId}::uuid) +
      (SELECT coalesce(sum(byte_size), 0) FROM upload_sessions WHERE user_id = ${userId}::uuid AND expires_at > now())
    )::float8 AS used`;
  return row?.used ?? 0;
}

/** Lets one after the other of a user's uploads be counted, until the end of the transaction. */
export async function lockUsage(tx: MediaDbClient, userId: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`usage ${userId}`}, 0))`;
}
