import type { MediaDb, MediaDbClient } from '../db.js';
import { contentOf, type MediaRow } from '../modules/media/mappers.js';
import { mediaPrefix, objectKey } from './object-keys.js';
import type { ObjectStore } from './object-store.js';

/**
 * Finds an item of the same uploader with the same bytes, whose files are there: another shares them. The caller has locked the uploader's
 * usage, as has a caller that removes a row, so that what is found is not removed meanwhile.
 */
export async function findTwin(
  tx: MediaDbClient,
  store: Pick<ObjectStore, 'stat'>,
  { uploaderId, sha256, byteSize }: Pick<MediaRow, 'uploaderId' | 'sha256'> & { readonly byteSize: number },
): Promise<MediaRow | null> {
  const twin = await tx.mediaItem.findFirst({
    where: { uploaderId, sha256, byteSize, status: { in: ['READY', 'PROCESSING'] } },
    orderBy: [{ status: 'desc' }, { id: 'asc' }],
  });
  if (!twin) return null;
  const object = await store.stat(objectKey(contentOf(twin), 'original'));
  // Bytes that are lost come back with the next upload of them.
  return object?.byteSize === byteSize ? twin : null;
}

/** Deletes files that no item has any more. Its row is gone already, so that nobody can come to share them. */
export async function deleteUnused(db: MediaDb | MediaDbClient, store: ObjectStore, contentId: string): Promise<void> {
  const inUse = await db.mediaItem.count({ where: { OR: [{ contentId }, { id: contentId, contentId: null }] } });
  if (inUse === 0) await store.deleteAll(mediaPrefix(contentId));
}
