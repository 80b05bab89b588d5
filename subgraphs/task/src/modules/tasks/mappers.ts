import type { Connection } from '@taskgraph/service-kit';
import type { Task } from '../../generated/prisma/client.js';

/** The row behind a `Task`: what is read for a selection has only the members that the selection needs. */
export type TaskRow = Task;

/** A user of the auth service, of whom this one knows the id. */
export interface UserStub {
  readonly __typename?: 'User';
  readonly id: string;
}

/** The row behind a `TaskConnection`. */
export interface TaskConnectionRow extends Connection<TaskRow> {
  /** Null when nobody asked: counting a long list costs more than reading a page of it. */
  readonly totalCount: number | null;
}

/** A change of a task, at the moment at which it is told. */
export interface TaskChangedRow {
  readonly kind: 'UPDATED' | 'DELETED' | 'MEDIA_ATTACHED' | 'MEDIA_DETACHED';
  readonly taskId: string;
  readonly task: TaskRow | null;
}
