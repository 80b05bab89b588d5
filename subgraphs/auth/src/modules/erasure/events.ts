import type { EventHandlers } from '@taskgraph/service-kit';
import type { AuthDbClient } from '../../db.js';
import { confirmErasure } from './service.js';

/** What this service hears of erasures: that another one has nothing left of somebody. */
export const erasureHandlers: EventHandlers<AuthDbClient> = {
  'task.account-erased.v1': (tx, { data }, log) => confirmErasure(tx, data.userId, 'task', log),
  'media.account-erased.v1': (tx, { data }, log) => confirmErasure(tx, data.userId, 'media', log),
};
