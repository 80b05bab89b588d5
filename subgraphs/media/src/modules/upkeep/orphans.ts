import { appendEvents, type RawSqlClient, type Tx } from '@taskgraph/service-kit';

/** An item that is attached to no task, and has not been for long. */
export interface OrphanedItem {
  readonly id: string;
  readonly uploaderId: string;
  readonly filename: string;
  readonly byteSize: number;
  /** When it was uploaded, or taken off the last of its tasks. */
  readonly since: Date;
}

/** Of one transaction. */
export const ORPHANS_AT_ONCE = 100;

/** What media knows of tasks it has been told by events, which come late at times: an item that is just attached is younger than any limit. */
const ORPHANS = `
  SELECT m.id, m.uploader_id AS "uploaderId", m.filename, m.byte_size::float8 AS "byteSize",
         coalesce(m.unattached_since, m.created_at) AS since
    FROM media_items m
   WHERE m.deleted_at IS NULL AND m.status <> 'PROCESSING'
     AND m.created_at < $1 AND coalesce(m.unattached_since, m.created_at) < $1
     AND NOT EXISTS (SELECT FROM media_references r WHERE r.media_id = m.id)
   ORDER BY m.id LIMIT ${ORPHANS_AT_ONCE}`;

/** Finds the first orphans of at least an age, by id. Changes nothing. */
export function listOrphanedItems(db: RawSqlClient, ageMs: number): Promise<OrphanedItem[]> {
  return db.$queryRawUnsafe<OrphanedItem[]>(ORPHANS, new Date(Date.now() - ageMs));
}

/**
 * Deletes the first orphans, as their uploaders would: they can be restored for a while, and their subscribers are told. One that is
 * attached meanwhile, and of which media has heard, stays.
 */
export async function deleteOrphans<Client extends RawSqlClient>(
  tx: Tx<Client>,
  ageMs: number,
): Promise<OrphanedItem[]> {
  const orphans = await tx.$queryRawUnsafe<OrphanedItem[]>(
    `${ORPHANS} FOR UPDATE OF m SKIP LOCKED`,
    new Date(Date.now() - ageMs),
  );
  if (orphans.length === 0) return [];
  await tx.$executeRawUnsafe(
    'UPDATE media_items SET deleted_at = now(), updated_at = now() WHERE id = ANY($1::uuid[])',
    orphans.map(({ id }) => id),
  );
  await appendEvents(
    tx,
    orphans.map(({ id, uploaderId }) => ({
      type: 'media.deleted.v1' as const,
      subject: id,
      data: { mediaId: id, uploaderId },
    })),
  );
  return orphans;
}
