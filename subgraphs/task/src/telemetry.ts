import { fromZero, type Log, type Metrics } from '@taskgraph/service-kit';

/** One function per business event: log line and counter together. Ids go to the log, never into labels. */
export interface TaskTelemetry {
  taskCreated(log: Log, taskId: string, status: string): void;
  creationRepeated(log: Log, taskId: string): void;
  /** `status` where that has changed. */
  taskUpdated(log: Log, taskId: string, version: number, status?: string): void;
  updateRefusedAsStale(log: Log, taskId: string): void;
  taskDeleted(log: Log, taskId: string): void;
  mediaAttached(log: Log, taskId: string, mediaIds: readonly string[]): void;
  attachmentRefused(log: Log, reason: 'not_found' | 'not_ready', taskId: string, mediaIds: readonly string[]): void;
  mediaDetached(log: Log, taskId: string, count: number): void;
}

export function createTaskTelemetry(metrics: Metrics): TaskTelemetry {
  const changes = metrics.counter('taskgraph_task_changes_total', 'Changes of tasks.', ['kind']);
  const statuses = metrics.counter('taskgraph_task_statuses_total', 'Tasks that have come into a status.', ['status']);
  const attachments = metrics.counter('taskgraph_task_attachments_total', 'Media attached, refused and detached.', [
    'outcome',
  ]);
  fromZero(changes, 'kind', ['created', 'repeated', 'updated', 'stale', 'deleted']);
  fromZero(statuses, 'status', ['TODO', 'IN_PROGRESS', 'DONE', 'CANCELLED']);
  fromZero(attachments, 'outcome', ['attached', 'not_found', 'not_ready', 'detached']);
  return {
    taskCreated(log, taskId, status) {
      changes.inc({ kind: 'created' });
      statuses.inc({ status });
      log.info({ taskId }, 'task created');
    },
    creationRepeated(log, taskId) {
      changes.inc({ kind: 'repeated' });
      log.info({ taskId }, 'task created before, with the same idempotency key');
    },
    taskUpdated(log, taskId, version, status) {
      changes.inc({ kind: 'updated' });
      if (status !== undefined) statuses.inc({ status });
      log.info({ taskId, version }, 'task updated');
    },
    updateRefusedAsStale(log, taskId) {
      changes.inc({ kind: 'stale' });
      log.info({ taskId }, 'task update refused: stale version');
    },
    taskDeleted(log, taskId) {
      changes.inc({ kind: 'deleted' });
      log.info({ taskId }, 'task deleted');
    },
    mediaAttached(log, taskId, mediaIds) {
      attachments.inc({ outcome: 'attached' }, mediaIds.length);
      log.info({ taskId, mediaIds }, 'media attached');
    },
    attachmentRefused(log, reason, taskId, mediaIds) {
      attachments.inc({ outcome: reason }, mediaIds.length);
      log.info({ taskId, mediaIds, reason }, 'media not attached');
    },
    mediaDetached(log, taskId, count) {
      attachments.inc({ outcome: 'detached' }, count);
      log.info({ taskId, count }, 'media detached');
    },
  };
}
