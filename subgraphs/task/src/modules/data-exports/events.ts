import { noteExport, type EventHandlers } from '@taskgraph/service-kit';
import type { TaskDbClient } from '../../db.js';
import { forgetExport } from './service.js';

/**
 * What this service hears of exports: that somebody wants one, and that it has ended.
 *
 * @param wake lets it be sent
 */
export function dataExportHandlers(wake: () => void): EventHandlers<TaskDbClient> {
  return {
    'media.data-export-requested.v1': async (tx, { data }) => {
      await noteExport(tx, data);
      return wake;
    },
    'media.data-export-ended.v1': (tx, { data }) => forgetExport(tx, data.dataExportId),
  };
}
