import {
  appendEvents,
  dropExportsOf,
  forgetDeadPartsOf,
  forgetOriginsOf,
  forgetPartsOf,
  type ErasureStep,
} from '@taskgraph/service-kit';
import type { TaskTx } from '../../db.js';
import { detach } from '../attachments/service.js';
import { removeTasks } from '../tasks/service.js';

/** Of one transaction. */
const BATCH = 100;

/**
 * Erases a part of what there is of a user: tasks that they own; that they are the assignee of others' tasks; what they have attached to
 * them; and their name on what is left. Each change has its event, as when a person makes it.
 */
export async function eraseTasks(tx: TaskTx, userId: string): Promise<ErasureStep> {
  const owned = await tx.$queryRaw<Array<{ id: string; ownerId: string; assigneeId: string | null }>>`
    SELECT id, owner_id AS "ownerId", assignee_id AS "assigneeId" FROM tasks
    WHERE owner_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE`;
  if (owned.length > 0) {
    await removeTasks(tx, owned, {});
    return 'more';
  }
  const given = await tx.$queryRaw<Array<{ id: string; version: number }>>`
    UPDATE tasks SET assignee_id = NULL, version = version + 1, updated_at = now() WHERE id IN (
      SELECT id FROM tasks WHERE assignee_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE)
    RETURNING id, version`;
  if (given.length > 0) {
    await appendEvents(
      tx,
      given.map(({ id, version }) => ({
        type: 'task.updated.v1',
        subject: id,
        data: { taskId: id, version, fields: ['assigneeId'] },
      })),
    );
    return 'more';
  }
  // What is borrowed is shown as long as its borrower sees it elsewhere, and there is none any more.
  const showing = await tx.$queryRaw<Array<{ id: string }>>`
    SELECT id FROM tasks WHERE id IN (
      SELECT task_id FROM task_media WHERE attached_by = ${userId}::uuid AND borrowed ORDER BY task_id LIMIT ${BATCH})
    ORDER BY id FOR UPDATE`;
  if (showing.length > 0) {
    const taskIds = showing.map(({ id }) => id);
    await detach(tx, { attachedBy: userId, borrowed: true, taskId: { in: taskIds } }, {});
    return 'more';
  }
  // What they have uploaded goes when media says so.
  await tx.taskMedia.updateMany({ where: { attachedBy: userId }, data: { attachedBy: null } });
  await tx.knownMedia.updateMany({ where: { uploaderId: userId }, data: { uploaderId: null } });
  await tx.idempotencyKey.deleteMany({ where: { userId } });
  if (!(await dropExportsOf(tx, userId))) return 'wait';
  await forgetPartsOf(tx, 'task.data-exported.v1', userId);
  await forgetDeadPartsOf(tx, userId);
  await forgetOriginsOf(tx, userId);
  return 'nothing';
}

/** Tells that nothing is left of a user here. */
export async function tellErased(tx: TaskTx, userId: string): Promise<void> {
  await appendEvents(tx, [{ type: 'task.account-erased.v1', subject: userId, data: { userId } }]);
}
