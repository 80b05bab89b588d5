import { AppError, badUserInput, inTransaction, isUuid, notFound, requireViewer } from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { TaskTx } from '../../db.js';
import type { AttachMediaInput, DetachMediaInput } from '../../generated/graphql.js';
import { visibleTasks } from '../tasks/loaders.js';
import type { TaskRow } from '../tasks/mappers.js';
import { getTask } from '../tasks/service.js';

export interface AttachMediaSuccess {
  readonly __typename: 'AttachMediaSuccess';
  readonly task: TaskRow;
}

export interface MediaProblem<Name extends 'MediaNotFoundProblem' | 'MediaNotReadyProblem'> {
  readonly __typename: Name;
  readonly message: string;
  readonly mediaIds: readonly string[];
}

export type AttachMediaOutcome =
  AttachMediaSuccess | MediaProblem<'MediaNotFoundProblem'> | MediaProblem<'MediaNotReadyProblem'>;

const MAX_MEDIA_PER_CALL = 100;
const MAX_MEDIA_PER_TASK = 500;

/**
 * Attaches media to a task, all or none.
 *
 * Attaching the same item twice is one attachment, so a client may ask again after a lost response; what is attached
 * already is not checked anew.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws UNAVAILABLE when the media service cannot be asked; nothing is attached then
 * @throws CONFLICT when the task would have too many media
 */
export async function attachMedia(context: TaskContext, input: AttachMediaInput): Promise<AttachMediaOutcome> {
  const { userId } = requireViewer(context);
  const mediaIds = parseMediaIds(input.mediaIds);
  const task = await getTask(context, input.taskId);

  const malformed = mediaIds.filter((id) => !isUuid(id));
  if (malformed.length > 0) return refuse(context, task, 'not_found', malformed);
  const problem = await checkMedia(context, task, mediaIds);
  if (problem) return problem;

  const attached = await inTransaction(context.db, async (tx) => {
    await lockVisibleTask(context, tx, task.id);
    const present = await tx.taskMedia.findMany({
      where: { taskId: task.id },
      select: { mediaId: true, position: true },
    });
    const known = new Set(present.map(({ mediaId }) => mediaId));
    const fresh = mediaIds.filter((id) => !known.has(id));
    if (known.size + fresh.length > MAX_MEDIA_PER_TASK) {
      throw new AppError('CONFLICT', `A task has at most ${MAX_MEDIA_PER_TASK} media.`, { reason: 'TOO_MANY_MEDIA' });
    }
    const lastPosition = Math.max(0, ...present.map(({ position }) => position));
    await tx.taskMedia.createMany({
      data: fresh.map((mediaId, index) => ({
        taskId: task.id,
        mediaId,
        position: lastPosition + 1 + index,
        attachedBy: userId,
      })),
    });
    return fresh;
  });

  if (attached.length > 0) context.telemetry.mediaAttached(context.log, task.id, attached);
  return { __typename: 'AttachMediaSuccess', task };
}

/**
 * Takes media off a task; what is not attached stays so.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 */
export async function detachMedia(context: TaskContext, input: DetachMediaInput): Promise<{ task: TaskRow }> {
  const mediaIds = parseMediaIds(input.mediaIds).filter(isUuid);
  const task = await getTask(context, input.taskId);
  const { count } = await inTransaction(context.db, async (tx) => {
    await lockVisibleTask(context, tx, task.id);
    return tx.taskMedia.deleteMany({ where: { taskId: task.id, mediaId: { in: mediaIds } } });
  });
  if (count > 0) context.telemetry.mediaDetached(context.log, task.id, count);
  return { task };
}

/** Writers of one task's attachments go one after the other, and none writes to a task that is being deleted. */
async function lockVisibleTask(context: TaskContext, tx: TaskTx, id: string): Promise<void> {
  await tx.$queryRaw`SELECT id FROM tasks WHERE id = ${id}::uuid FOR UPDATE`;
  const visible = await tx.task.count({ where: { id, ...visibleTasks(requireViewer(context)) } });
  if (visible === 0) throw notFound('Task');
}

async function checkMedia(
  context: TaskContext,
  task: TaskRow,
  mediaIds: readonly string[],
): Promise<AttachMediaOutcome | null> {
  const attached = await context.db.taskMedia.findMany({
    where: { taskId: task.id, mediaId: { in: [...mediaIds] } },
    select: { mediaId: true },
  });
  const known = new Set(attached.map(({ mediaId }) => mediaId));
  const unknown = mediaIds.filter((id) => !known.has(id));
  if (unknown.length === 0) return null;
  const states = await context.mediaDirectory.statesOf(unknown, context);
  for (const reason of ['not_found', 'not_ready'] as const) {
    const affected = unknown.filter((id) => states.get(id) === reason);
    if (affected.length > 0) return refuse(context, task, reason, affected);
  }
  return null;
}

function refuse(
  context: TaskContext,
  task: TaskRow,
  reason: 'not_found' | 'not_ready',
  mediaIds: readonly string[],
): AttachMediaOutcome {
  context.telemetry.attachmentRefused(context.log, reason, task.id, mediaIds);
  return reason === 'not_found'
    ? { __typename: 'MediaNotFoundProblem', message: 'Some of the media do not exist.', mediaIds }
    : { __typename: 'MediaNotReadyProblem', message: 'Some of the media are not ready.', mediaIds };
}

/** Lower case, without repetitions, in the order given. */
function parseMediaIds(ids: readonly string[]): string[] {
  const unique = [...new Set(ids.map((id) => (isUuid(id) ? id.toLowerCase() : id)))];
  if (unique.length === 0 || unique.length > MAX_MEDIA_PER_CALL) {
    throw badUserInput(`Name 1 to ${MAX_MEDIA_PER_CALL} media at a time.`, 'INVALID_MEDIA_IDS');
  }
  return unique;
}
