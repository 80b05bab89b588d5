import path from 'node:path';
import { createUploadSpool, type UploadSpool } from '@taskgraph/service-kit';
import type { MediaConfig } from '../config.js';
import { openCloudStorageStore } from './cloud-storage-store.js';
import { openLocalDiskStore } from './local-disk-store.js';
import type { ObjectStore } from './object-store.js';
import { openSpool, type Spool } from './spool.js';

/** Where files are, and where they wait before that. */
export interface Storage {
  readonly store: ObjectStore;
  /** Files until they are known to be good. */
  readonly spool: Spool;
  /** Files of requests until somebody reads them. */
  readonly uploads: UploadSpool;
}

export type StorageSettings = Pick<
  MediaConfig,
  'TASKGRAPH_DATA_DIR' | 'UPLOAD_SPOOL_MAX_BYTES' | 'GCS_BUCKET' | 'STORAGE_EMULATOR_HOST'
>;

/** @throws when the data folder cannot be written, or the bucket not be reached */
export async function openStorage(settings: StorageSettings): Promise<Storage> {
  const root = path.resolve(settings.TASKGRAPH_DATA_DIR, 'media');
  const folder = path.join(root, 'incoming');
  const { GCS_BUCKET: bucket, STORAGE_EMULATOR_HOST: emulatorHost, UPLOAD_SPOOL_MAX_BYTES: maxBytes } = settings;
  const store =
    bucket === undefined
      ? await openLocalDiskStore(path.join(root, 'objects'))
      : openCloudStorageStore({ bucket, emulatorHost });
  await store.check();
  return { store, spool: await openSpool(folder), uploads: createUploadSpool({ folder, maxBytes }) };
}
