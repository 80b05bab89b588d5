import {
  appendEvents,
  badUserInput,
  forbidden,
  inTransaction,
  isUuid,
  isVisible,
  notFound,
  parsePageArgs,
  requireViewer,
  type PageArgs,
  type Viewer,
} from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { MediaTx } from '../../db.js';
import { findFalseName } from '../../media-types.js';
import { parseAltText } from './alt-text.js';
import { sanitizeFilename } from './filename.js';
import { ALL_MEDIA_FIELDS, type MediaFields, type UploadsRequest } from './loaders.js';
import type { MediaConnectionRow, MediaRow } from './mappers.js';
import { canManage, canSeeStorage } from './policy.js';
import { tellOfChange } from './privileged-changes.js';
import { countUsedBytes, lockUsage } from './usage.js';

export { parseAltText } from './alt-text.js';
export { readPartFilename, sanitizeFilename } from './filename.js';
export { countUsedBytes, lockUsage } from './usage.js';

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

export interface UpdateMediaArgs {
  readonly id: string;
  readonly filename?: string | null | undefined;
  readonly altText?: string | null | undefined;
}

/**
 * Changes the name or the description of an item. What is as it was already changes nothing, and is told nobody.
 *
 * @throws NOT_FOUND when there is no such item for this viewer
 * @throws FORBIDDEN when the viewer sees it but did not upload it
 * @throws BAD_USER_INPUT
 */
export async function updateMedia(
  context: MediaContext,
  { id, filename, altText }: UpdateMediaArgs,
): Promise<{ media: MediaRow }> {
  const media = await getMedia(context, id);
  if (!canManage(requireViewer(context), media)) throw forbidden('Only the uploader changes a media item.');
  if (filename === null || (filename !== undefined && !isVisible(filename)))
    throw badUserInput('A media item has a name.', 'INVALID_FILENAME');
  const name = filename === undefined ? undefined : sanitizeFilename(filename);
  const falsehood = name === undefined ? null : findFalseName(media.mimeType, name);
  if (falsehood !== null) throw badUserInput(falsehood, 'INVALID_FILENAME');
  const description = altText === undefined ? undefined : parseAltText(altText);
  const data = {
    ...(name !== undefined && name !== media.filename && { filename: name }),
    ...(description !== undefined && description !== media.altText && { altText: description }),
  };
  if (Object.keys(data).length === 0) return { media };
  return inTransaction(context.db, async (tx) => {
    const { count } = await tx.mediaItem.updateMany({ where: { id: media.id, deletedAt: null }, data });
    if (count === 0) throw notFound('Media');
    await appendEvents(tx, tellOfChange(context, media, 'updated'), context);
    return { media: await tx.mediaItem.findUniqueOrThrow({ where: { id: media.id } }) };
  });
}

/**
 * Deletes an item, so that nobody sees it; it and its files stay until they are purged, and can be restored. Deleting it twice at once deletes
 * it once.
 *
 * @throws NOT_FOUND when there is no such item for this viewer
 * @throws FORBIDDEN when the viewer sees it but did not upload it
 */
export async function deleteMedia(context: MediaContext, id: string): Promise<{ mediaId: string }> {
  const { db, log, telemetry, requestId } = context;
  const media = await getMedia(context, id);
  if (!canManage(requireViewer(context), media)) throw forbidden('Only the uploader deletes a media item.');
  await inTransaction(db, async (tx) => {
    const deletion = { where: { id: media.id, deletedAt: null }, data: { deletedAt: new Date() } };
    const { count } = await tx.mediaItem.updateMany(deletion);
    if (count === 0) throw notFound('Media');
    await appendEvents(tx, [goneEvent(media), ...tellOfChange(context, media, 'deleted')], { requestId });
  });
  telemetry.deleted(log, media.id);
  return { mediaId: media.id };
}

/**
 * Restores a deleted item, attached to nothing; one that is not deleted stays as it is, so a client may ask again after a lost answer.
 *
 * @throws NOT_FOUND when there is none that this viewer may restore
 */
export async function restoreMedia(context: MediaContext, id: string): Promise<{ media: MediaRow }> {
  const { db, log, telemetry, limits } = context;
  const viewer = requireViewer(context);
  if (!isUuid(id)) throw notFound('Media');
  const media = await inTransaction(db, async (tx) => {
    const found = await tx.mediaItem.findUnique({ where: { id: id.toLowerCase() } });
    if (!found || !canManage(viewer, found)) throw notFound('Media');
    if (!found.deletedAt) return found;
    const restorable = { id: found.id, deletedAt: { gt: new Date(Date.now() - limits.deletedRetentionMs) } };
    const { count } = await tx.mediaItem.updateMany({
      where: restorable,
      data: { deletedAt: null, unattachedSince: new Date() },
    });
    if (count === 0) throw notFound('Media');
    const { id: mediaId, uploaderId, status } = found;
    const again = { type: 'media.processed.v1', subject: mediaId, data: { mediaId, uploaderId } } as const;
    await appendEvents(
      tx,
      [...(status === 'READY' ? [again] : []), ...tellOfChange(context, found, 'restored')],
      context,
    );
    return { ...found, deletedAt: null };
  });
  telemetry.restored(log, media.id);
  // The answer shows the item to the viewer who restores it.
  if (media.uploaderId !== viewer.userId) await context.loaders.privilegedRead({ kind: 'media', id: media.id });
  return { media };
}

/** Tells what a user's files take; null for everybody else. */
export async function findStorage(
  { db, viewer, limits }: MediaContext,
  userId: string,
): Promise<{ usedBytes: number; quotaBytes: number } | null> {
  if (!viewer || !canSeeStorage(viewer, userId)) return null;
  return { usedBytes: await countUsedBytes(db, userId), quotaBytes: limits.quotaBytes };
}

function goneEvent({ id, uploaderId }: Pick<MediaRow, 'id' | 'uploaderId'>) {
  return { type: 'media.deleted.v1', subject: id, data: { mediaId: id, uploaderId } } as const;
}

/** Removes the row of an item, and tells of it. Returns false when somebody else has done so. Its files are the caller's to delete. */
export async function deleteRow(
  tx: MediaTx,
  { id, uploaderId }: Pick<MediaRow, 'id' | 'uploaderId'>,
  { requestId }: { readonly requestId?: string | undefined },
): Promise<boolean> {
  // An upload of the same bytes now either shares them with this item, whose files stay then, or does not find it.
  await lockUsage(tx, uploaderId);
  const { count } = await tx.mediaItem.deleteMany({ where: { id } });
  if (count === 0) return false;
  await appendEvents(tx, [goneEvent({ id, uploaderId })], { requestId });
  return true;
}
