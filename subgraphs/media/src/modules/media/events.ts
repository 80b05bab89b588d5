import type { EventHandlers } from '@taskgraph/service-kit';
import type { MediaDbClient } from '../../db.js';

/** What this service hears of tasks: which items are attached to which. */
export const mediaHandlers: EventHandlers<MediaDbClient> = {
  'task.media-attached.v1': async (tx, { data: { taskId, mediaId } }) => {
    await tx.mediaReference.createMany({ data: [{ mediaId, taskId }], skipDuplicates: true });
  },
  'task.media-detached.v1': async (tx, { data: { taskId, mediaId } }) => {
    await tx.mediaReference.deleteMany({ where: { mediaId, taskId } });
    await noteUnattached(tx, [mediaId]);
  },
  'task.deleted.v1': async (tx, { data: { taskId } }) => {
    const references = await tx.mediaReference.findMany({ where: { taskId }, select: { mediaId: true } });
    await tx.mediaReference.deleteMany({ where: { taskId } });
    await noteUnattached(
      tx,
      references.map(({ mediaId }) => mediaId),
    );
  },
};

/** From now on counts how long an item has been attached to nothing, where it is so. */
async function noteUnattached(tx: MediaDbClient, mediaIds: string[]): Promise<void> {
  await tx.mediaItem.updateMany({ where: { id: { in: mediaIds } }, data: { unattachedSince: new Date() } });
}
