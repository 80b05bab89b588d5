import type { EventHandlers } from '@taskgraph/service-kit';
import type { MediaDbClient } from '../../db.js';

/** What this service hears of tasks: which items are attached to which. */
export const mediaHandlers: EventHandlers<MediaDbClient> = {
  'task.media-attached.v1': async (tx, { data: { taskId, mediaId } }) => {
    await tx.mediaReference.createMany({ data: [{ mediaId, taskId }], skipDuplicates: true });
  },
  'task.media-detached.v1': async (tx, { data: { taskId, mediaId } }) => {
    await tx.mediaReference.deleteMany({ where: { mediaId, taskId } });
  },
  'task.deleted.v1': async (tx, { data: { taskId } }) => {
    await tx.mediaReference.deleteMany({ where: { taskId } });
  },
};
