import { checkDiskSpace, tellDiskSpace, type Health, type Metrics } from '@taskgraph/service-kit';
import type { ObjectStore } from './object-store.js';
import type { StorageSettings } from './open-storage.js';

/** Tells whether the place of files answers and the disk of the data folder has room. */
export function watchStorage(
  store: ObjectStore,
  config: StorageSettings,
  { health, metrics }: { readonly health: Health; readonly metrics: Metrics },
): void {
  const disk = { folder: config.TASKGRAPH_DATA_DIR, minFreeBytes: config.MIN_FREE_DISK_BYTES };
  health.register('storage', async () => {
    await store.check();
    return checkDiskSpace(disk.folder, disk.minFreeBytes);
  });
  tellDiskSpace(metrics, { use: 'files', ...disk });
}
