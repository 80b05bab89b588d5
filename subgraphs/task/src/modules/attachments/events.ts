import type { EventHandlers } from '@taskgraph/service-kit';
import type { TaskDbClient, TaskTx } from '../../db.js';
import type { KnownMediaState } from '../../generated/prisma/client.js';
import { detach, lockMedia } from './service.js';

/** What this service hears of media: their state, so that it need not ask, and that they are gone. */
export const attachmentHandlers: EventHandlers<TaskDbClient> = {
  'media.processed.v1': (tx, { data }) => remember(tx, data, 'READY'),
  'media.deleted.v1': async (tx, { data, requestId }, log) => {
    const { mediaId } = data;
    await lockMedia(tx, [mediaId], 'delete');
    await remember(tx, data, 'DELETED');
    // Writers of a task's attachments go one after the other.
    await tx.$executeRaw`
      SELECT id FROM tasks WHERE id IN (SELECT task_id FROM task_media WHERE media_id = ${mediaId}::uuid)
      ORDER BY id FOR UPDATE`;
    const count = await detach(tx, { mediaId }, { requestId });
    if (count > 0) log.info({ mediaId, count }, 'a deleted media item was taken off its tasks');
  },
};

async function remember(
  tx: TaskTx,
  { mediaId, uploaderId }: { mediaId: string; uploaderId: string },
  state: KnownMediaState,
): Promise<void> {
  await tx.knownMedia.upsert({
    where: { mediaId },
    create: { mediaId, uploaderId, state },
    update: { state, toldAt: new Date() },
  });
}
