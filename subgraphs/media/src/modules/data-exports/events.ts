import type { EventHandlers } from '@taskgraph/service-kit';
import type { MediaDbClient } from '../../db.js';
import { receivePart } from './service.js';

/**
 * What this service hears of exports: the parts that others send.
 *
 * @param wake lets the file be made
 */
export function dataExportHandlers(wake: () => void): EventHandlers<MediaDbClient> {
  return {
    'auth.data-exported.v1': async (tx, { data }) => {
      await receivePart(tx, 'auth', data);
      return wake;
    },
    'task.data-exported.v1': async (tx, { data }) => {
      await receivePart(tx, 'task', data);
      return wake;
    },
  };
}
