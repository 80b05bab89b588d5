import { appendEvents, forgetDeadPartsOf, forgetOriginsOf, type ErasureStep } from '@taskgraph/service-kit';
import type { MediaTx } from '../../db.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { UploadStaging } from '../../storage/upload-staging.js';
import { exportPrefix, mediaPrefix } from '../../storage/object-keys.js';
import { contentOf } from '../media/mappers.js';
import { deleteRow } from '../media/service.js';

/** Of one transaction. */
const BATCH = 20;

/**
 * Erases a part of what there is of a user: first the files of an item, then its row, with its event and its job. So with exports of
 * their data, and with uploads that are not complete. What is being processed meanwhile leaves nothing behind when it finds its row gone; an export that is being made has its
 * row locked, and is waited for.
 */
export async function eraseMedia(
  tx: MediaTx,
  { store, staging }: { readonly store: ObjectStore; readonly staging: Pick<UploadStaging, 'remove'> },
  userId: string,
): Promise<ErasureStep> {
  const items = await tx.$queryRaw<Array<{ id: string; contentId: string | null }>>`
    SELECT id, content_id AS "contentId" FROM media_items WHERE uploader_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
  for (const { id, contentId } of items) {
    // Files of a row that stays, because the transaction fails, are deleted by the next try again. Items that share them go as well.
    await store.deleteAll(mediaPrefix(contentOf({ id, contentId })));
    await deleteRow(tx, { id, uploaderId: userId }, {});
  }
  const sessions = await tx.$queryRaw<Array<{ id: string; targetUrl: string | null }>>`
    SELECT id, target_url AS "targetUrl" FROM upload_sessions
    WHERE user_id = ${userId}::uuid AND leased_until < now() ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
  for (const session of sessions) {
    await staging.remove(session);
    await tx.uploadSession.delete({ where: { id: session.id } });
  }
  const exports = await tx.$queryRaw<Array<{ id: string }>>`
    SELECT id FROM data_exports WHERE user_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
  for (const { id } of exports) {
    await store.deleteAll(exportPrefix(id));
    await tx.dataExport.delete({ where: { id } });
  }
  if (items.length > 0 || sessions.length > 0 || exports.length > 0) return 'more';
  const inUse =
    (await tx.mediaItem.count({ where: { uploaderId: userId } })) +
    (await tx.uploadSession.count({ where: { userId } })) +
    (await tx.dataExport.count({ where: { userId } }));
  if (inUse > 0) return 'wait';
  await tx.idempotencyKey.deleteMany({ where: { userId } });
  await forgetDeadPartsOf(tx, userId);
  await forgetOriginsOf(tx, userId);
  return 'nothing';
}

/** Tells that nothing is left of a user here. */
export async function tellErased(tx: MediaTx, userId: string): Promise<void> {
  await appendEvents(tx, [{ type: 'media.account-erased.v1', subject: userId, data: { userId } }]);
}
