import { createBackgroundWork, type BackgroundWork, type Log, type Metrics } from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';
import { repeatErasures } from './service.js';

const INTERVAL_MS = 30_000;
/** What takes longer than this is told again. */
const REPEAT_AFTER_MS = 5 * 60_000;

/** Watches erasures that are not complete: shows them as metrics, and tells the services again. */
export function createPendingErasures({
  db,
  metrics,
  log,
}: {
  readonly db: AuthDb;
  readonly metrics: Metrics;
  readonly log: Log;
}): BackgroundWork {
  const pending = metrics.gauge(
    'taskgraph_auth_erasures_pending',
    'Deleted accounts that are not yet erased everywhere.',
  );
  const age = metrics.gauge(
    'taskgraph_auth_erasure_oldest_age_seconds',
    'Since when the oldest of the deleted accounts that are not yet erased everywhere waits; 0 when there is none.',
  );
  return createBackgroundWork({
    name: 'pending erasures',
    intervalMs: INTERVAL_MS,
    log,
    async work() {
      const found = await repeatErasures(db, REPEAT_AFTER_MS);
      pending.set(found.pending);
      age.set(found.oldest ? (Date.now() - found.oldest.getTime()) / 1000 : 0);
      return null;
    },
  });
}
