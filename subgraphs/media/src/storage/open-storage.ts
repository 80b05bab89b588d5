import path from 'node:path';
import { createUploadSpool, type UploadSpool } from '@taskgraph/service-kit';
import type { MediaConfig } from '../config.js';
import { openCloudStaging } from './cloud-staging.js';
import { openCloudStorageStore } from './cloud-storage-store.js';
import { createDiskRoom, type DiskRoom } from './disk-room.js';
import { openDiskStaging } from './disk-staging.js';
import { openLocalDiskStore } from './local-disk-store.js';
import type { ObjectStore } from './object-store.js';
import { openSpool, type Spool } from './spool.js';
import type { UploadStaging } from './upload-staging.js';

export type { ObjectStore };

/** Where files are, and where they wait before that. */
export interface Storage {
  readonly store: ObjectStore;
  /** Files until they are known to be good. */
  readonly spool: Spool;
  /** Files of requests until somebody reads them. */
  readonly uploads: UploadSpool;
  /** Files that are sent in many requests, until they are whole. */
  readonly staging: UploadStaging;
  /** Of this machine, where files of requests wait, and are kept where there is no bucket. */
  readonly room: DiskRoom;
}

export type StorageSettings = Pick<
  MediaConfig,
  'TASKGRAPH_DATA_DIR' | 'UPLOAD_SPOOL_MAX_BYTES' | 'MIN_FREE_DISK_BYTES' | 'GCS_BUCKET' | 'STORAGE_EMULATOR_HOST'
>;

/**
 * Opens the place of files alone: the bucket that is named, or the folder of the data folder, which it makes.
 *
 * @throws when the folder cannot be made
 */
export async function openStore({
  TASKGRAPH_DATA_DIR,
  GCS_BUCKET: bucket,
  STORAGE_EMULATOR_HOST: emulatorHost,
}: Omit<StorageSettings, 'UPLOAD_SPOOL_MAX_BYTES' | 'MIN_FREE_DISK_BYTES'>): Promise<ObjectStore> {
  return bucket === undefined
    ? openLocalDiskStore(path.join(mediaFolder(TASKGRAPH_DATA_DIR), 'objects'))
    : openCloudStorageStore({ bucket, emulatorHost });
}

/** @throws when the data folder cannot be written, or the bucket not be reached */
export async function openStorage(settings: StorageSettings): Promise<Storage> {
  const folder = path.join(mediaFolder(settings.TASKGRAPH_DATA_DIR), 'incoming');
  const store = await openStore(settings);
  await store.check();
  const uploads = createUploadSpool({ folder, maxBytes: settings.UPLOAD_SPOOL_MAX_BYTES });
  const room = createDiskRoom(settings.TASKGRAPH_DATA_DIR, settings.MIN_FREE_DISK_BYTES);
  return { store, spool: await openSpool(folder), uploads, staging: await openStaging(settings, store), room };
}

function openStaging(settings: StorageSettings, store: ObjectStore): Promise<UploadStaging> | UploadStaging {
  const { GCS_BUCKET: bucket, STORAGE_EMULATOR_HOST: emulatorHost, MIN_FREE_DISK_BYTES: minFreeBytes } = settings;
  return bucket === undefined
    ? openDiskStaging(path.join(mediaFolder(settings.TASKGRAPH_DATA_DIR), 'sessions'), store, { minFreeBytes })
    : openCloudStaging({ bucket, emulatorHost }, store);
}

function mediaFolder(dataDir: string): string {
  return path.resolve(dataDir, 'media');
}
