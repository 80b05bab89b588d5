import {
  AppError,
  appendEvents,
  badUserInput,
  inTransaction,
  isUuid,
  notFound,
  requireViewer,
  type NewEvent,
} from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import { uuidArray, type TaskTx } from '../../db.js';
import type { AttachMediaInput, DetachMediaInput } from '../../generated/graphql.js';
import { Prisma, type KnownMedia } from '../../generated/prisma/client.js';
import { visibleTasks } from '../tasks/loaders.js';
import type { TaskRow } from '../tasks/mappers.js';
import { isByRoleAlone } from '../tasks/policy.js';
import { tellOfChange } from '../../privileged-changes.js';
import { getTask } from '../tasks/service.js';
import type { MediaState } from './media-directory.js';
import { mayShow } from './policy.js';

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
 * What somebody attaches that another has uploaded is borrowed: it is shown on the task as long as they see it on another one too
 * (docs/decisions/0012-borrowed-media.md). The uploader, or an administrator, who attaches it as well shows it for good.
 *
 * Attaching the same item twice is one attachment, so a client may ask again after a lost response; what is attached
 * already is not checked anew.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws UNAVAILABLE when the media service cannot be asked; nothing is attached then
 * @throws CONFLICT when the task would have too many media
 */
export async function attachMedia(context: TaskContext, input: AttachMediaInput): Promise<AttachMediaOutcome> {
  const viewer = requireViewer(context);
  const { userId } = viewer;
  const mediaIds = parseMediaIds(input.mediaIds);
  const task = await getTask(context, input.taskId);

  const malformed = mediaIds.filter((id) => !isUuid(id));
  if (malformed.length > 0) return reportProblem(context, task, 'not_found', malformed);
  const checked = await checkMedia(context, task, mediaIds);
  if (checked.kind === 'problem') return checked.outcome;

  const outcome = await inTransaction(context.db, async (tx) => {
    await lockMedia(tx, mediaIds, 'attach');
    const current = await lockVisibleTask(context, tx, task.id);
    const present = await tx.taskMedia.findMany({
      where: { taskId: task.id },
      select: { mediaId: true, position: true, borrowed: true },
    });
    const known = new Set(present.map(({ mediaId }) => mediaId));
    const fresh = mediaIds.filter((id) => !known.has(id));
    const gone = await tx.knownMedia.findMany({
      where: { mediaId: { in: fresh }, state: 'DELETED' },
      select: { mediaId: true },
    });
    if (gone.length > 0) return { kind: 'gone' as const, mediaIds: gone.map(({ mediaId }) => mediaId) };
    if (known.size + fresh.length > MAX_MEDIA_PER_TASK) {
      throw new AppError('CONFLICT', `A task has at most ${MAX_MEDIA_PER_TASK} media.`, { reason: 'TOO_MANY_MEDIA' });
    }
    const lastPosition = Math.max(0, ...present.map(({ position }) => position));
    const attachedAt = new Date();
    await tx.taskMedia.createMany({
      data: fresh.map((mediaId, index) => ({
        taskId: task.id,
        mediaId,
        position: lastPosition + 1 + index,
        attachedBy: userId,
        attachedAt,
        borrowed: !mayShow(viewer, checked.uploaders.get(mediaId)),
      })),
    });
    const lent = present.filter(({ mediaId, borrowed }) => borrowed && mayShow(viewer, checked.uploaders.get(mediaId)));
    await tx.taskMedia.updateMany({
      where: { taskId: task.id, mediaId: { in: lent.map(({ mediaId }) => mediaId) } },
      data: { borrowed: false },
    });
    const shown = [...fresh, ...lent.map(({ mediaId }) => mediaId)];
    const attached = fresh.map((mediaId) => ({
      type: 'task.media-attached.v1' as const,
      subject: task.id,
      data: { taskId: task.id, mediaId, attachedBy: userId, attachedAt: attachedAt.toISOString() },
    }));
    await appendEvents(tx, [...attached, ...tellOfShown(context, current, shown, checked.uploaders)], context);
    return { kind: 'attached' as const, mediaIds: fresh, task: current };
  });

  if (outcome.kind === 'gone') return reportProblem(context, task, 'not_found', outcome.mediaIds);
  if (outcome.mediaIds.length > 0) context.telemetry.mediaAttached(context.log, task.id, outcome.mediaIds);
  return { __typename: 'AttachMediaSuccess', task: outcome.task };
}

/** What an administrator attaches by role alone: to a task of somebody else, or media that only their uploader shows for good. */
function tellOfShown(
  context: TaskContext,
  task: TaskRow,
  mediaIds: readonly string[],
  uploaders: ReadonlyMap<string, string>,
): NewEvent[] {
  const viewer = requireViewer(context);
  if (viewer.role !== 'ADMIN' || mediaIds.length === 0) return [];
  const ownerIds = [
    ...(isByRoleAlone(viewer, task) ? [task.ownerId] : []),
    ...mediaIds.flatMap((id) => uploaders.get(id) ?? []).filter((uploaderId) => uploaderId !== viewer.userId),
  ];
  return tellOfChange(context, { taskId: task.id, ownerIds, change: 'media-attached' });
}

/**
 * Takes media off a task; what is not attached stays so.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 */
export async function detachMedia(context: TaskContext, input: DetachMediaInput): Promise<{ task: TaskRow }> {
  const mediaIds = parseMediaIds(input.mediaIds).filter(isUuid);
  const task = await getTask(context, input.taskId);
  const { current, count } = await inTransaction(context.db, async (tx) => {
    const current = await lockVisibleTask(context, tx, task.id);
    const count = await detach(tx, { taskId: task.id, mediaId: { in: mediaIds } }, context);
    if (count > 0 && isByRoleAlone(requireViewer(context), current))
      await appendEvents(
        tx,
        tellOfChange(context, { taskId: task.id, ownerIds: [current.ownerId], change: 'media-detached' }),
        context,
      );
    return { current, count };
  });
  if (count > 0) context.telemetry.mediaDetached(context.log, task.id, count);
  return { task: current };
}

/** Takes attachments away, each with its event. Returns how many there were. */
export async function detach(
  tx: TaskTx,
  where: Prisma.TaskMediaWhereInput,
  { requestId }: { readonly requestId?: string | undefined },
): Promise<number> {
  const gone = await tx.taskMedia.findMany({
    where,
    select: { taskId: true, mediaId: true },
    orderBy: { position: 'asc' },
  });
  if (gone.length === 0) return 0;
  await tx.taskMedia.deleteMany({ where });
  await appendEvents(
    tx,
    gone.map(({ taskId, mediaId }) => ({
      type: 'task.media-detached.v1',
      subject: taskId,
      data: { taskId, mediaId },
    })),
    { requestId },
  );
  return gone.length;
}

/** PostgreSQL's advisory locks of media; 7_020 to 7_022 are those of events. */
const MEDIA_LOCKS = 7_023;

/**
 * Keeps attaching an item and hearing of its deletion apart: the second transaction sees what the first has done. Attachments
 * do not wait for each other. To be taken before the lock of a task.
 */
export async function lockMedia(tx: TaskTx, mediaIds: readonly string[], purpose: 'attach' | 'delete'): Promise<void> {
  const lock = Prisma.raw(purpose === 'attach' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock');
  await tx.$executeRaw`
    SELECT ${lock}(${MEDIA_LOCKS}::int, hashtext(id::text)) FROM unnest(${uuidArray(mediaIds)}) AS m(id) ORDER BY id`;
}

/** Writers of one task's attachments go one after the other, and none writes to a task that is being deleted. */
async function lockVisibleTask(context: TaskContext, tx: TaskTx, id: string): Promise<TaskRow> {
  await tx.$queryRaw`SELECT id FROM tasks WHERE id = ${id}::uuid FOR UPDATE`;
  const visible = await tx.task.findFirst({ where: { id, ...visibleTasks(requireViewer(context)) } });
  if (!visible) throw notFound('Task');
  return visible;
}

type CheckedMedia =
  | { readonly kind: 'problem'; readonly outcome: AttachMediaOutcome }
  /** The uploaders of the items, as far as they are known. */
  | { readonly kind: 'fine'; readonly uploaders: ReadonlyMap<string, string> };

/** What is attached already is not checked anew, and only its uploader is looked up. */
async function checkMedia(context: TaskContext, task: TaskRow, mediaIds: readonly string[]): Promise<CheckedMedia> {
  const attached = await context.db.taskMedia.findMany({
    where: { taskId: task.id, mediaId: { in: [...mediaIds] } },
    select: { mediaId: true, borrowed: true },
  });
  const present = new Set(attached.map(({ mediaId }) => mediaId));
  const told = await context.db.knownMedia.findMany({ where: { mediaId: { in: [...mediaIds] } } });
  const fresh = mediaIds.filter((id) => !present.has(id));
  const states = await statesOf(context, fresh, told);
  for (const reason of ['not_found', 'not_ready'] as const) {
    const affected = fresh.filter((id) => states.get(id)?.state === reason);
    if (affected.length > 0) return { kind: 'problem', outcome: reportProblem(context, task, reason, affected) };
  }
  const uploaders = new Map(
    told.flatMap(({ mediaId, uploaderId }) => (uploaderId === null ? [] : [[mediaId, uploaderId] as const])),
  );
  // What is borrowed may now be shown by its uploader; where nobody has told yet who that is, it is asked for.
  const lent = attached.filter(({ mediaId, borrowed }) => borrowed && !uploaders.has(mediaId));
  const lentStates = await statesOfLent(
    context,
    lent.map(({ mediaId }) => mediaId),
  );
  for (const [id, { uploaderId }] of [...states, ...lentStates]) if (uploaderId !== null) uploaders.set(id, uploaderId);
  return { kind: 'fine', uploaders };
}

/** Nothing while the media service cannot be asked: what is attached stays so, and borrowed. */
async function statesOfLent(
  context: TaskContext,
  mediaIds: readonly string[],
): Promise<ReadonlyMap<string, MediaState>> {
  if (mediaIds.length === 0) return new Map();
  try {
    return await context.mediaDirectory.statesOf(mediaIds, context);
  } catch (error) {
    if (error instanceof AppError && error.code === 'UNAVAILABLE') return new Map();
    throw error;
  }
}

/** What the media service has told is known; only what it has not, or what the viewer did not upload, is asked for. */
async function statesOf(
  context: TaskContext,
  mediaIds: readonly string[],
  told: readonly KnownMedia[],
): Promise<ReadonlyMap<string, MediaState>> {
  const { userId } = requireViewer(context);
  const wanted = new Set(mediaIds);
  const states = new Map<string, MediaState>();
  for (const { mediaId, uploaderId, state } of told) {
    if (!wanted.has(mediaId)) continue;
    if (state === 'DELETED') states.set(mediaId, { state: 'not_found', uploaderId });
    else if (uploaderId === userId)
      states.set(mediaId, { state: state === 'READY' ? 'ready' : 'not_ready', uploaderId });
  }
  const open = mediaIds.filter((id) => !states.has(id));
  if (open.length === 0) return states;
  const asked = await context.mediaDirectory.statesOf(open, context);
  return new Map([...states, ...asked]);
}

function reportProblem(
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
