import { inTransaction, isUuid } from '@taskgraph/service-kit';
import { uuidArray, type MediaDb } from '../../db.js';
import { deleteUnused } from '../../storage/contents.js';
import { fullKey, objectKey, type FileVariant } from '../../storage/object-keys.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Spool } from '../../storage/spool.js';
import type { UploadStaging } from '../../storage/upload-staging.js';
import { lockUsage } from '../media/service.js';
import { sweepSessions } from '../upload-sessions/service.js';
import { contentOf, findThumbnail, THUMBNAIL_SIZES } from '../media/mappers.js';

export interface UpkeepParts {
  readonly db: MediaDb;
  readonly store: ObjectStore;
}

export interface SweepParts extends UpkeepParts {
  readonly spool: Pick<Spool, 'sweep'>;
  readonly staging: Pick<UploadStaging, 'remove' | 'listIdle'>;
}

/** What does not fit between rows and objects. */
export interface Finding {
  readonly kind: 'OBJECT_WITHOUT_ROW' | 'ROW_WITHOUT_OBJECT' | 'ROW_WITHOUT_JOB';
  readonly mediaId: string;
  /** The key of the object that is there, or is missing. */
  readonly key: string | null;
}

export interface Swept extends Record<string, number> {
  /** Items whose files were deleted, or never had a row. */
  readonly objects: number;
  readonly unfinishedFiles: number;
  readonly spools: number;
  /** Items that were deleted so long ago that they cannot be restored. */
  readonly purged: number;
  /** Uploads that were not completed in time. */
  readonly sessions: number;
  /** Items that were to be processed, by nobody. */
  readonly jobs: number;
}

/** What is younger may be under way: an upload takes `UPLOAD_TIMEOUT_MS` at the gateway, and writes its row at its end. */
const MIN_AGE_MS = 60 * 60_000;
const ROWS_AT_ONCE = 500;

/** Compares rows and objects, those that are old enough not to be under way. Changes nothing. */
export async function* verify({ db, store }: UpkeepParts, { minAgeMs = MIN_AGE_MS } = {}): AsyncGenerator<Finding> {
  const before = new Date(Date.now() - minAgeMs);
  for await (const [mediaId, keys] of listOrphans({ db, store }, before))
    for (const key of keys) yield { kind: 'OBJECT_WITHOUT_ROW', mediaId, key };
  for (let after: string | undefined; ;) {
    const rows = await db.mediaItem.findMany({
      where: { updatedAt: { lt: before }, ...(after !== undefined && { id: { gt: after } }) },
      select: { id: true, contentId: true, mimeType: true, status: true, hasFull: true, thumbnails: true, job: true },
      orderBy: { id: 'asc' },
      take: ROWS_AT_ONCE,
    });
    for (const { id, contentId, mimeType, status, hasFull, thumbnails, job } of rows) {
      const keyOf = (variant: FileVariant) => objectKey(contentOf({ id, contentId }), variant);
      if (status === 'PROCESSING' && !job) yield { kind: 'ROW_WITHOUT_JOB', mediaId: id, key: null };
      const keys = [keyOf('original')];
      keys.push(...THUMBNAIL_SIZES.filter((size) => findThumbnail(thumbnails, size)).map(keyOf));
      if (hasFull) keys.push(fullKey(contentOf({ id, contentId }), mimeType));
      for (const key of keys) if (!(await store.stat(key))) yield { kind: 'ROW_WITHOUT_OBJECT', mediaId: id, key };
    }
    after = rows.at(-1)?.id;
    if (rows.length < ROWS_AT_ONCE) return;
  }
}

/** Removes all that processes which died have left behind, and lets items be processed that were forgotten. */
export async function sweep(
  { db, store, spool, staging }: SweepParts,
  { minAgeMs = MIN_AGE_MS, deletedRetentionMs = Infinity } = {},
): Promise<Swept> {
  const before = new Date(Date.now() - minAgeMs);
  const purged = Number.isFinite(deletedRetentionMs) ? await purge({ db, store }, deletedRetentionMs) : 0;
  const sessions = await sweepSessions({ db, staging }, before);
  let objects = 0;
  for await (const [mediaId] of listOrphans({ db, store }, before)) {
    await store.deleteAll(`${mediaId}/`);
    objects += 1;
  }
  const jobs = await db.$executeRaw`
    INSERT INTO media_jobs (media_id)
    SELECT id FROM media_items WHERE status = 'PROCESSING' AND updated_at < ${before}
    ON CONFLICT DO NOTHING`;
  return {
    objects,
    jobs,
    purged,
    sessions,
    unfinishedFiles: await store.sweepUnfinished(before),
    spools: await spool.sweep(),
  };
}

/** Removes what was deleted and can be restored no more: first rows, then files. It has been told of when it was deleted. */
async function purge({ db, store }: UpkeepParts, deletedRetentionMs: number): Promise<number> {
  const deletedAt = { lt: new Date(Date.now() - deletedRetentionMs) };
  let purged = 0;
  for (;;) {
    const which = { id: true, contentId: true, uploaderId: true };
    const rows = await db.mediaItem.findMany({ where: { deletedAt }, select: which, take: ROWS_AT_ONCE });
    for (const { id, contentId, uploaderId } of rows) {
      const count = await inTransaction(db, async (tx) => {
        await lockUsage(tx, uploaderId);
        return (await tx.mediaItem.deleteMany({ where: { id, deletedAt } })).count;
      });
      if (count === 0) continue;
      await deleteUnused(db, store, contentOf({ id, contentId }));
      purged += 1;
    }
    if (rows.length < ROWS_AT_ONCE) return purged;
  }
}

/** Objects by their item, of which there is no row. */
async function* listOrphans({ db, store }: UpkeepParts, before: Date): AsyncGenerator<[string, string[]]> {
  let seen = new Map<string, string[]>();
  const withoutRows = async () => {
    const which = { where: { id: { in: [...seen.keys()] } }, select: { id: true } };
    // An upload that is being completed has its object before its row.
    for (const { id } of await db.uploadSession.findMany(which)) seen.delete(id);
    const contents = await db.$queryRaw<Array<{ id: string }>>`
      SELECT coalesce(content_id, id) AS id FROM media_items
       WHERE content_id = ANY(${uuidArray([...seen.keys()])}) OR (content_id IS NULL AND id = ANY(${uuidArray([...seen.keys()])}))`;
    for (const { id } of contents) seen.delete(id);
    const orphans = [...seen];
    seen = new Map();
    return orphans;
  };
  for await (const { key, writtenAt } of store.list()) {
    const mediaId = key.split('/', 1)[0] ?? '';
    if (writtenAt >= before || !isUuid(mediaId)) continue;
    seen.set(mediaId, [...(seen.get(mediaId) ?? []), key]);
    if (seen.size >= ROWS_AT_ONCE) yield* await withoutRows();
  }
  yield* await withoutRows();
}
