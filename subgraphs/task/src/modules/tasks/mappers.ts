import type { Connection } from '@taskgraph/service-kit';
import type { Prisma, Task } from '../../generated/prisma/client.js';

/** The row behind a `Task`. */
export type TaskRow = Task;

/** A user of the auth service, of whom this one knows the id. */
export interface UserStub {
  readonly __typename?: 'User';
  readonly id: string;
}

/** A page, with its length or with what it takes to count: most clients do not ask. */
export interface TaskConnectionRow extends Connection<TaskRow> {
  readonly total:
    | { readonly kind: 'known'; readonly count: number }
    | { readonly kind: 'where'; readonly where: Prisma.TaskWhereInput };
}

/** A change of a task, at the moment at which it is told. */
export interface TaskChangedRow {
  readonly kind: 'UPDATED' | 'DELETED' | 'MEDIA_ATTACHED' | 'MEDIA_DETACHED';
  readonly taskId: string;
  readonly task: TaskRow | null;
}
