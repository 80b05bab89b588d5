import type { EventHandlers } from '@taskgraph/service-kit';
import type { AuthDbClient } from '../../db.js';
import { endExport, sendExport } from './service.js';

/** What this service hears of exports: that somebody wants one, and that it has ended. */
export const dataExportHandlers: EventHandlers<AuthDbClient> = {
  'media.data-export-requested.v1': (tx, event, log) => sendExport(tx, event, log),
  'media.data-export-ended.v1': (tx, event, log) => endExport(tx, event, log),
};
