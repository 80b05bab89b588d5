import { noteErasedUser, type EventHandlers } from '@taskgraph/service-kit';
import type { TaskDbClient } from '../../db.js';

/** @param wake lets the erasure begin */
export function erasureHandlers(wake: () => void): EventHandlers<TaskDbClient> {
  return {
    'auth.account-deleted.v1': async (tx, { data }) => {
      await noteErasedUser(tx, data.userId);
      return wake;
    },
  };
}
