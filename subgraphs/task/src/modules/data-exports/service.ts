import {
  dropExport,
  forgetParts,
  sendParts,
  type ExportedRows,
  type ExportIds,
  type Log,
} from '@taskgraph/service-kit';
import type { TaskTx } from '../../db.js';
import type { Prisma } from '../../generated/prisma/client.js';

/** Sends what this service has of a person. */
export async function sendExport(log: Log, tx: TaskTx, ids: ExportIds): Promise<void> {
  const count = await sendParts(tx, ids, readTasks(tx, ids.userId), (data) => ({
    type: 'task.data-exported.v1',
    subject: ids.dataExportId,
    data,
  }));
  log.info({ ...ids, count }, 'what there is of somebody was sent for their export');
}

/** Takes back what was sent, and what is still to be sent. */
export async function forgetExport(tx: TaskTx, dataExportId: string): Promise<void> {
  await dropExport(tx, dataExportId);
  await forgetParts(tx, 'task.data-exported.v1', dataExportId);
}

/** Of one statement. */
const PAGE = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** What there is of a person in each table. A column that is not here is not exported. */
const TASK = {
  id: true,
  ownerId: true,
  assigneeId: true,
  title: true,
  description: true,
  status: true,
  priority: true,
  dueAt: true,
  labels: true,
  version: true,
  createdAt: true,
  updatedAt: true,
  media: { select: { mediaId: true, attachedAt: true }, orderBy: { position: 'asc' } },
} satisfies Prisma.TaskSelect;
/** What others have written is theirs; that it was given to this person is of this person. */
const GIVEN_TASK = {
  id: true,
  title: true,
  status: true,
  priority: true,
  dueAt: true,
} satisfies Prisma.TaskSelect;
const ATTACHMENT = { taskId: true, mediaId: true, attachedAt: true } satisfies Prisma.TaskMediaSelect;

async function* readTasks(tx: TaskTx, userId: string): ExportedRows {
  for (let after = FIRST_ID; ;) {
    const rows = await tx.task.findMany({
      where: { ownerId: userId, id: { gt: after } },
      select: TASK,
      orderBy: { id: 'asc' },
      take: PAGE,
    });
    yield { file: 'tasks', rows };
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) break;
    after = last.id;
  }
  for (let after = FIRST_ID; ;) {
    const rows = await tx.task.findMany({
      where: { assigneeId: userId, ownerId: { not: userId }, id: { gt: after } },
      select: GIVEN_TASK,
      orderBy: { id: 'asc' },
      take: PAGE,
    });
    yield { file: 'tasks-given-to-you', rows };
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) break;
    after = last.id;
  }
  const rows = await tx.taskMedia.findMany({
    where: { attachedBy: userId, task: { ownerId: { not: userId } } },
    select: ATTACHMENT,
    orderBy: [{ taskId: 'asc' }, { position: 'asc' }],
  });
  yield { file: 'attachments-to-tasks-of-others', rows };
}
