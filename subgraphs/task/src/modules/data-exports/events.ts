import type { EventHandlers } from '@taskgraph/service-kit';
import type { TaskDbClient } from '../../db.js';
import { forgetExport, sendExport } from './service.js';

/** What this service hears of exports: that somebody wants one, and that it has ended. */
export const dataExportHandlers: EventHandlers<TaskDbClient> = {
  'media.data-export-requested.v1': (tx, { data }, log) => sendExport(tx, data, log),
  'media.data-export-ended.v1': (tx, { data }) => forgetExport(tx, data.dataExportId),
};
