import { tmpdir } from 'node:os';
import {
  checkDiskSpace,
  createUploadSpool,
  tellDiskSpace,
  type Health,
  type Metrics,
  type UploadSpool,
} from '@taskgraph/service-kit';
import { toSpoolFolder } from './admission-settings.js';
import type { GatewayConfig } from './config.js';

/**
 * Opens the place where files wait for a subgraph that reads them later, and tells how much room is left there.
 *
 * @throws ConfigError when nothing can be written there
 */
export function openUploadSpool(
  config: GatewayConfig,
  { health, metrics }: { readonly health: Health; readonly metrics: Metrics },
): UploadSpool {
  const folder = toSpoolFolder(config);
  const disk = { folder: folder ?? tmpdir(), minFreeBytes: config.MIN_FREE_DISK_BYTES };
  health.register('upload spool', () => checkDiskSpace(disk.folder, disk.minFreeBytes), { critical: false });
  tellDiskSpace(metrics, { use: 'upload spool', ...disk });
  return createUploadSpool({ folder, maxBytes: config.UPLOAD_SPOOL_MAX_BYTES });
}
