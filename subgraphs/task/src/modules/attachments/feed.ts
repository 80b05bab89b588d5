import type { EventData, EventEnvelope } from '@taskgraph/contracts';
import { parseEventData, type SourceEvent } from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import { assertSawDeletion, followTask, getTaskOfEvent } from '../tasks/feed.js';
import type { MediaAttachedRow } from './mappers.js';

export interface Attachment extends SourceEvent {
  readonly data: EventData<'task.media-attached.v1'>;
}

/**
 * The attachments to a task, from now on or from where the subscriber was cut off, until the task is deleted.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws BAD_USER_INPUT when the subscriber was cut off too long ago
 */
export async function followAttachments(
  context: TaskContext,
  taskId: string,
): Promise<AsyncGenerator<Attachment, void, void>> {
  return toAttachments(context, await followTask(context, taskId));
}

async function* toAttachments(
  context: TaskContext,
  events: AsyncIterable<EventEnvelope>,
): AsyncGenerator<Attachment, void, void> {
  for await (const event of events) {
    if (event.type === 'task.media-attached.v1')
      yield {
        eventId: event.id,
        traceparent: event.traceparent,
        data: parseEventData(event, 'task.media-attached.v1').data,
      };
    if (event.type === 'task.deleted.v1') assertSawDeletion(context, event);
  }
}

/** Tells an attachment to a viewer who may see the task now. @throws NOT_FOUND for others */
export async function toMediaAttached(context: TaskContext, { data }: Attachment): Promise<MediaAttachedRow> {
  return {
    attachedAt: new Date(data.attachedAt),
    attachedBy: { id: data.attachedBy },
    task: await getTaskOfEvent(context, data.taskId),
    media: { id: data.mediaId },
  };
}
