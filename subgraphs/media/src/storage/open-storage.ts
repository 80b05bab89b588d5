import path from 'node:path';
import { createUploadSpool, type UploadSpool } from '@taskgraph/service-kit';
import type { MediaConfig } from '../config.js';
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

/** @throws when the data folder cannot be written */
export async function openStorage({
  TASKGRAPH_DATA_DIR,
  UPLOAD_SPOOL_MAX_BYTES: maxBytes,
}: Pick<MediaConfig, 'TASKGRAPH_DATA_DIR' | 'UPLOAD_SPOOL_MAX_BYTES'>): Promise<Storage> {
  const root = path.resolve(TASKGRAPH_DATA_DIR, 'media');
  const folder = path.join(root, 'incoming');
  const store = await openLocalDiskStore(path.join(root, 'objects'));
  await store.check();
  return { store, spool: await openSpool(folder), uploads: createUploadSpool({ folder, maxBytes }) };
}
