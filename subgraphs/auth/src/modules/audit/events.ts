import type { EventHandlers } from '@taskgraph/service-kit';
import type { AuthDbClient } from '../../db.js';
import { recordPrivilegedChange } from './privileged-changes.js';
import { recordPrivilegedRead } from './privileged-reads.js';

/** What this service hears of that belongs on record: what administrators read and change elsewhere. */
export const auditHandlers: EventHandlers<AuthDbClient> = {
  'task.privileged-read.v1': (tx, event, log) => recordPrivilegedRead(tx, event, log),
  'media.privileged-read.v1': (tx, event, log) => recordPrivilegedRead(tx, event, log),
  'task.privileged-change.v1': (tx, event, log) =>
    recordPrivilegedChange(tx, event, { what: 'task', id: event.data.taskId }, log),
  'media.privileged-change.v1': (tx, event, log) =>
    recordPrivilegedChange(tx, event, { what: 'media', id: event.data.mediaId }, log),
};
