import { createBackgroundWork, type BackgroundWork, type Log } from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';
import { recordNotedChanges } from './service.js';

const INTERVAL_MS = 60_000;
const NOBODY = { ipAddress: null, userAgent: null, clientName: null };

/** Puts on record what was changed of roles past this service. */
export function createRoleWatch({ db, log }: { readonly db: AuthDb; readonly log: Log }): BackgroundWork {
  return createBackgroundWork({
    name: 'changes of roles',
    intervalMs: INTERVAL_MS,
    log,
    async work() {
      const count = await recordNotedChanges(db, { clientInfo: NOBODY, requestId: null, log });
      if (count > 0) log.warn({ count }, 'roles were changed in the database by hand');
      return null;
    },
  });
}
