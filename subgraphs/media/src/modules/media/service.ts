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
 * Deletes an item: first its files, then its row. When the store fails in between, the row is still there and the
 * deletion can be asked for again; no file is left without a row.
 *
 * @throws NOT_FOUND when there is no such item for this viewer
 * @throws FORBIDDEN when the viewer sees it but did not upload it
 */
export async function deleteMedia(context: MediaContext, id: string): Promise<{ mediaId: string }> {
  const media = await getMedia(context, id);
  if (!canDelete(requireViewer(context), media)) throw forbidden('Only the uploader deletes a media item.');
  await context.store.deleteAll(mediaPrefix(media.id));
  const deleted = await removeRow(context, media);
  if (!deleted) throw notFound('Media');
  context.telemetry.deleted(context.log, media.id);
  return { mediaId: media.id };
}

/** Removes the row of an item whose files are gone, and tells of it. Returns false when somebody else has done so. */
export async function removeRow(
  { db, requestId }: Pick<MediaContext, 'db'> & { readonly requestId?: string | undefined },
  item: Pick<MediaRow, 'id' | 'uploaderId'>,
): Promise<boolean> {
  return inTransaction(db, (tx) => deleteRow(tx, item, { requestId }));
}

/** The same in a transaction that is there already. */
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
