import type { EventHandlers } from '@taskgraph/service-kit';
import type { AuthDbClient } from '../../db.js';
import { endExport, requestExport } from './service.js';

/**
 * What this service hears of exports: that somebody wants one, and that it has ended.
 *
 * @param wake lets it be sent
 */
export function dataExportHandlers(wake: () => void): EventHandlers<AuthDbClient> {
  return {
    'media.data-export-requested.v1': async (tx, event, log) => {
      await requestExport(tx, event, log);
      return wake;
    },
    'media.data-export-ended.v1': (tx, event, log) => endExport(tx, event, log),
  };
}
