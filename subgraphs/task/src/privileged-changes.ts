import type { EventData } from '@taskgraph/contracts';
import { requireViewer, type NewEvent } from '@taskgraph/service-kit';
import type { TaskContext } from './context.js';

export interface PrivilegedChange {
  readonly taskId: string;
  /** Of the task, or of the media that are shown on it. */
  readonly ownerIds: Iterable<string>;
  readonly change: EventData<'task.privileged-change.v1'>['change'];
}

/** Tells of what an administrator has changed by role alone, of each owner apart: to be written in the transaction of the change. */
export function tellOfChange(context: TaskContext, { taskId, ownerIds, change }: PrivilegedChange): NewEvent[] {
  const { userId: actorId } = requireViewer(context);
  const { ipAddress, userAgent } = context.clientInfo;
  return [...new Set(ownerIds)].map((ownerId) => ({
    type: 'task.privileged-change.v1',
    subject: actorId,
    data: { actorId, ownerId, taskId, change, ipAddress, userAgent },
  }));
}
