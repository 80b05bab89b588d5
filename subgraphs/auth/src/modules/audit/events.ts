import type { EventHandlers } from '@taskgraph/service-kit';
import type { AuthDbClient } from '../../db.js';
import { recordPrivilegedRead } from './privileged-reads.js';

/** What this service hears of that belongs on record: what administrators read elsewhere. */
export const auditHandlers: EventHandlers<AuthDbClient> = {
  'task.privileged-read.v1': (tx, event, log) => recordPrivilegedRead(tx, event, log),
  'media.privileged-read.v1': (tx, event, log) => recordPrivilegedRead(tx, event, log),
};
