import type { Viewer } from '@taskgraph/service-kit';

/** What the rules look at. */
export interface TaskParties {
  readonly ownerId: string;
  readonly assigneeId: string | null;
}

/** Owner, assignee and administrators. For anybody else the task does not exist. */
export function canSee(viewer: Viewer, task: TaskParties): boolean {
  return viewer.role === 'ADMIN' || task.ownerId === viewer.userId || task.assigneeId === viewer.userId;
}

/** Owner and administrators. */
export function canDelete(viewer: Viewer, task: TaskParties): boolean {
  return viewer.role === 'ADMIN' || task.ownerId === viewer.userId;
}

/** Whether an administrator does by their role alone what an owner may, and an assignee too unless it is for the owner. */
export function isByRoleAlone({ role, userId }: Viewer, task: TaskParties, isForOwner = false): boolean {
  return role === 'ADMIN' && task.ownerId !== userId && (isForOwner || task.assigneeId !== userId);
}

/** Owner and administrators assign anybody; the assignee may only step back. */
export function canAssign(viewer: Viewer, task: TaskParties, assigneeId: string | null): boolean {
  if (assigneeId === task.assigneeId) return true;
  if (canDelete(viewer, task)) return true;
  return task.assigneeId === viewer.userId && assigneeId === null;
}
