import { checkDiskSpace } from '@taskgraph/service-kit';
import { inStore } from './object-store.js';

/** What is left of a disk that others write to as well. */
export interface DiskRoom {
  /** @throws StorageError when so many bytes more would leave fewer than have to stay free */
  assertRoomFor(bytes: number): Promise<void>;
}

/** Guards the disk where a folder is: a full one fails whatever else writes there, in the middle of it. */
export function createDiskRoom(folder: string, minFreeBytes: number): DiskRoom {
  return {
    assertRoomFor: (bytes) =>
      inStore(async () => {
        const lack = await checkDiskSpace(folder, minFreeBytes + bytes);
        if (lack) throw new Error(lack.degraded);
      }),
  };
}
