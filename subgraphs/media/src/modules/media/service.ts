import {
  appendEvents,
  forbidden,
  inTransaction,
  isUuid,
  notFound,
  parsePageArgs,
  requireViewer,
  type PageArgs,
  type Viewer,
} from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { MediaTx } from '../../db.js';
import { mediaPrefix } from '../../storage/object-keys.js';
import { ALL_MEDIA_FIELDS, type MediaFields, type UploadsRequest } from './loaders.js';
import type { MediaConnectionRow, MediaRow } from './mappers.js';
import { canDelete } from './policy.js';

/** @throws NOT_FOUND when there is no such item for this viewer */
export async function getMedia(context: MediaContext, id: string, fields?: MediaFields): Promise<MediaRow> {
  const media = await findMedia(context, id, fields);
  if (!media) throw notFound('Media');
  return media;
}

/** Null when there is no such item for this viewer. */
export function findMedia(
  context: MediaContext,
  id: string,
  fields: MediaFields = ALL_MEDIA_FIELDS,
): MediaRow | null | Promise<MediaRow | null> {
  const viewer = requireViewer(context);
  const found = isUuid(id) ? context.loaders.media(fields).load(id.toLowerCase()) : null;
  return viewer.role === 'ADMIN' && found ? tellOfRead(context, viewer, found) : found;
}

/** What an administrator sees of others by role alone is told. */
async function tellOfRead(
  { loaders }: MediaContext,
  { userId }: Viewer,
  found: MediaRow | null | Promise<MediaRow | null>,
): Promise<MediaRow | null> {
  const media = await found;
  if (media && media.uploaderId !== userId) await loaders.privilegedRead({ kind: 'media', id: media.id });
  return media;
}

/** Lists what a user has uploaded; empty when that is not for the viewer. */
export async function listUploads(
  { loaders, viewer }: MediaContext,
  userId: string,
  args: PageArgs,
  selection: Omit<UploadsRequest, 'page'>,
): Promise<MediaConnectionRow> {
  if (viewer?.role === 'ADMIN' && userId !== viewer.userId)
    await loaders.privilegedRead({ kind: 'media-of-user', id: userId });
  return loaders.uploads({ ...selection, page: parsePageArgs(args) }).load(userId);
}

/**
 * Deletes an item: first its row, then its files, so that no item is ever there without them. What the store cannot delete now, the
 * sweep deletes.
 *
 * @throws NOT_FOUND when there is no such item for this viewer
 * @throws FORBIDDEN when the viewer sees it but did not upload it
 */
export async function deleteMedia(context: MediaContext, id: string): Promise<{ mediaId: string }> {
  const { db, store, log, telemetry, requestId } = context;
  const media = await getMedia(context, id);
  if (!canDelete(requireViewer(context), media)) throw forbidden('Only the uploader deletes a media item.');
  const isDeleted = await inTransaction(db, (tx) => deleteRow(tx, media, { requestId }));
  if (!isDeleted) throw notFound('Media');
  telemetry.deleted(log, media.id);
  await store
    .deleteAll(mediaPrefix(media.id))
    .catch((error: unknown) =>
      log.warn({ err: error, mediaId: media.id }, 'files of a deleted item are left to the sweep'),
    );
  return { mediaId: media.id };
}

/** Removes the row of an item, and tells of it. Returns false when somebody else has done so. Its files are the caller's to delete. */
export async function deleteRow(
  tx: MediaTx,
  { id, uploaderId }: Pick<MediaRow, 'id' | 'uploaderId'>,
  { requestId }: { readonly requestId?: string | undefined },
): Promise<boolean> {
  const { count } = await tx.mediaItem.deleteMany({ where: { id } });
  if (count === 0) return false;
  await appendEvents(tx, [{ type: 'media.deleted.v1', subject: id, data: { mediaId: id, uploaderId } }], { requestId });
  return true;
}
