import type { DomainEvent, EventEnvelope, EventType } from '@taskgraph/contracts';
import {
  followSubject,
  isUuid,
  notFound,
  parseEventData,
  requireViewer,
  type SourceEvent,
} from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { TaskChangeKind } from '../../generated/graphql.js';
import type { TaskChangedRow, TaskRow } from './mappers.js';
import { canSee } from './policy.js';
import { findTask } from './service.js';

/** What followers of a task are told; the others of its events they need not know. */
const KIND_BY_TYPE: Partial<Record<string, TaskChangeKind>> = {
  'task.updated.v1': 'UPDATED',
  'task.deleted.v1': 'DELETED',
  'task.media-attached.v1': 'MEDIA_ATTACHED',
  'task.media-detached.v1': 'MEDIA_DETACHED',
} satisfies Partial<Record<EventType, TaskChangeKind>>;

type TaskDeleted = DomainEvent<'task.deleted.v1'>;

/**
 * Follows the events of a task, from now on or from where the subscriber was cut off; the last is that of its deletion.
 *
 * Access is asked for here, and again by the caller that tells an event: it may have been lost meanwhile.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws BAD_USER_INPUT when the subscriber was cut off too long ago
 */
export async function followTask(context: TaskContext, id: string): Promise<AsyncGenerator<EventEnvelope, void, void>> {
  if (!isUuid(id)) throw notFound('Task');
  const taskId = id.toLowerCase();
  const { feed, outbox, signal, lastEventId } = context;
  let deletedBy: string | null = null;
  const events = await followSubject({
    feed,
    outbox,
    subject: taskId,
    lastEventId,
    signal,
    async assertAccess() {
      if (await findTask(context, taskId)) return;
      // A subscriber that resumes may still have to hear that the task was deleted.
      const deletion = lastEventId === undefined ? null : await findDeletion(context, taskId);
      if (!deletion) throw notFound('Task');
      deletedBy = deletion.id;
    },
  });
  return untilDeletion(events, deletedBy === lastEventId);
}

async function* untilDeletion(
  events: AsyncGenerator<EventEnvelope, void, void>,
  isOver: boolean,
): AsyncGenerator<EventEnvelope, void, void> {
  try {
    if (isOver) return;
    for await (const event of events) {
      yield event;
      if (event.type === 'task.deleted.v1') return;
    }
  } finally {
    await events.return();
  }
}

/**
 * The task of an event that is about to be told, as it is now; null when it has been deleted.
 *
 * @throws NOT_FOUND when the viewer may not see it, or could not when it was deleted
 */
export async function getTaskOfEvent(context: TaskContext, taskId: string): Promise<TaskRow | null> {
  const task = await findTask(context, taskId);
  if (!task && !(await findDeletion(context, taskId))) throw notFound('Task');
  return task;
}

/** The deletion of a task that the viewer could see then; nothing happens to a task after it. */
async function findDeletion(context: TaskContext, taskId: string): Promise<TaskDeleted | null> {
  const { outbox } = context;
  const newest = await outbox.newestPosition(taskId);
  const [row] = await outbox.readAfter(taskId, newest - 1n, 1);
  if (row?.event.type !== 'task.deleted.v1') return null;
  const deletion = parseEventData(row.event, 'task.deleted.v1');
  return canSee(requireViewer(context), deletion.data) ? deletion : null;
}

/** @throws NOT_FOUND when the viewer could not see the task when it was deleted */
export function assertSawDeletion(context: TaskContext, event: EventEnvelope): void {
  const { data } = parseEventData(event, 'task.deleted.v1');
  if (!canSee(requireViewer(context), data)) throw notFound('Task');
}

export interface TaskChange extends SourceEvent {
  readonly kind: TaskChangeKind;
  readonly event: EventEnvelope;
}

/** The changes of a task; see {@link followTask}. */
export async function followChanges(context: TaskContext, id: string): Promise<AsyncGenerator<TaskChange, void, void>> {
  return toChanges(await followTask(context, id));
}

async function* toChanges(events: AsyncIterable<EventEnvelope>): AsyncGenerator<TaskChange, void, void> {
  for await (const event of events) {
    const kind = KIND_BY_TYPE[event.type];
    if (kind) yield { eventId: event.id, traceparent: event.traceparent, kind, event };
  }
}

/** Tells a change to a viewer who may see the task now. @throws NOT_FOUND for others */
export async function toTaskChanged(context: TaskContext, { kind, event }: TaskChange): Promise<TaskChangedRow> {
  const taskId = event.subject;
  if (kind !== 'DELETED') return { kind, taskId, task: await getTaskOfEvent(context, taskId) };
  assertSawDeletion(context, event);
  return { kind, taskId, task: null };
}
