import {
  appendEvents,
  AppError,
  badUserInput,
  forbidden,
  inTransaction,
  isUuid,
  makeOnce,
  notFound,
  requireViewer,
  type IdempotencyKey,
} from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import { uuidArray, type MediaTx } from '../../db.js';
import { deleteUnused } from '../../storage/contents.js';
import { ALL_MEDIA_FIELDS } from '../media/loaders.js';
import { contentOf, type MediaRow } from '../media/mappers.js';
import { canReplace } from '../media/policy.js';
import { deleteRow, getMedia, lockUsage } from '../media/service.js';

export interface ReplaceMediaArgs {
  readonly mediaId: string;
  readonly withMediaId: string;
  readonly key: IdempotencyKey | null;
}

interface Replaced {
  readonly id: string;
  readonly media: MediaRow;
  /** What the files were kept under that the item no longer has. */
  readonly releasedContent: string;
}

/**
 * Gives an item the file of another of the same uploader, with all that was made of it, in one transaction: at any time there is the one file or the other, each with its own
 * versions. The row of the other goes; files that nobody has any more are deleted after that, and by the sweep where that fails.
 *
 * @throws NOT_FOUND when there is no such item for this viewer, or no other one of theirs
 * @throws FORBIDDEN when the viewer sees the item but did not upload it
 * @throws BAD_USER_INPUT when both are the same
 * @throws CONFLICT when one of them is not ready, or the other is attached to a task
 */
export async function replaceMedia(
  context: MediaContext,
  { mediaId, withMediaId, key }: ReplaceMediaArgs,
): Promise<{ media: MediaRow }> {
  const { db, store, log, telemetry, requestId } = context;
  const viewer = requireViewer(context);
  const media = await getMedia(context, mediaId);
  if (!canReplace(viewer, media)) throw forbidden('Only the uploader replaces the file of a media item.');
  if (!isUuid(withMediaId)) throw notFound('Media');
  const pair = { id: media.id, withId: withMediaId.toLowerCase(), uploaderId: viewer.userId };
  if (pair.id === pair.withId) throw badUserInput('A media item is not replaced by itself.', 'SAME_MEDIA');
  const wish = { key, userId: viewer.userId, wanted: { replace: pair.id, with: pair.withId } };
  const outcome = await inTransaction(db, (tx) => makeOnce(tx, wish, () => moveFile(tx, pair, { requestId })));
  if (outcome.kind === 'repeated') {
    // What was read before may be from before the first time.
    context.loaders.media(ALL_MEDIA_FIELDS).clear(media.id);
    return { media: await getMedia(context, media.id) };
  }
  telemetry.replaced(log, pair.id, pair.withId);
  const { media: replaced, releasedContent } = outcome.made;
  // What cannot be deleted now, the sweep deletes.
  await deleteUnused(db, store, releasedContent).catch((error: unknown) =>
    log.warn({ err: error, mediaId: pair.id }, 'a replaced file is left to the sweep'),
  );
  return { media: replaced };
}

async function moveFile(
  tx: MediaTx,
  { id, withId, uploaderId }: { readonly id: string; readonly withId: string; readonly uploaderId: string },
  request: { readonly requestId?: string | undefined },
): Promise<Replaced> {
  // An upload of the same bytes waits, and so do the removal of a row with them and another replacement.
  await lockUsage(tx, uploaderId);
  await tx.$queryRaw`SELECT id FROM media_items WHERE id = ANY(${uuidArray([id, withId])}) ORDER BY id FOR UPDATE`;
  const rows = await tx.mediaItem.findMany({
    where: { id: { in: [id, withId] }, uploaderId, deletedAt: null },
    include: { job: true },
  });
  const target = rows.find((row) => row.id === id);
  const other = rows.find((row) => row.id === withId);
  if (!target || !other) throw notFound('Media');
  // One that is ready may have a job too: of a version that there was not when it was uploaded.
  if ([target, other].some(({ status, job }) => status !== 'READY' || job))
    throw new AppError('CONFLICT', 'One of the media items is being processed, or has failed.', {
      reason: 'MEDIA_NOT_READY',
    });
  if ((await tx.mediaReference.count({ where: { mediaId: withId } })) > 0)
    throw new AppError('CONFLICT', 'What is attached to a task takes the place of nothing.', {
      reason: 'MEDIA_ATTACHED',
    });
  await deleteRow(tx, other, request);
  const { filename, mimeType, byteSize, sha256, width, height, placeholder, thumbnails, hasFull } = other;
  const [before, content] = [contentOf(target), contentOf(other)];
  const media = await tx.mediaItem.update({
    where: { id },
    data: {
      ...{ filename, mimeType, byteSize, sha256, width, height, placeholder, hasFull },
      thumbnails: thumbnails ?? [],
      contentId: content === id ? null : content,
      altText: other.altText ?? target.altText,
      // Of an item that is attached to nothing, the time begins anew, as with an upload.
      unattachedSince: new Date(),
      // The same bytes are the same file: what is kept of it stays right.
      ...(content !== before && { revision: { increment: 1 } }),
    },
  });
  await appendEvents(tx, [{ type: 'media.processed.v1', subject: id, data: { mediaId: id, uploaderId } }], request);
  return { id, media, releasedContent: before };
}
