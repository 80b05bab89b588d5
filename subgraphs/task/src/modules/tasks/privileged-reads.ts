import { createPrivilegedReads, type PrivilegedReads, type RequestContext } from '@taskgraph/service-kit';
import type { TaskDb } from '../../db.js';

/** Tells of what administrators read of the tasks of others. */
export function createTaskReads(db: TaskDb, request: RequestContext): PrivilegedReads {
  return createPrivilegedReads(db, request, (data) => ({
    type: 'task.privileged-read.v1',
    subject: data.actorId,
    data,
  }));
}
