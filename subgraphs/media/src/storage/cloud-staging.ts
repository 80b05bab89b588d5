import { openCloudBucket, type CloudStorageOptions } from './cloud-bucket.js';
import { objectKey } from './object-keys.js';
import { inStore, StorageError, type ObjectStore } from './object-store.js';
import type { UploadStaging } from './upload-staging.js';

const TIMEOUT_MS = 10_000;

/**
 * Lets clients send the bytes of sessions to Google Cloud Storage itself, by its resumable uploads: what knows the URL of one may write that
 * object, once. The object has the key of the item that it will be, and nobody sees it until there is a row.
 *
 * The bytes pass this service by, so it learns of them by asking.
 */
export function openCloudStaging(options: CloudStorageOptions, store: ObjectStore): UploadStaging {
  const bucket = openCloudBucket(options);
  // fake-gcs-server takes the question how much has come for the end of the upload.
  const canAsk = options.emulatorHost === undefined;
  const keyOf = (id: string) => objectKey(id, 'original');

  return {
    protocol: 'GCS_RESUMABLE',
    begin: (id, byteSize, origin) =>
      inStore(async () => {
        const metadata = { contentType: 'application/octet-stream', contentLength: byteSize };
        const [url] = await bucket.file(keyOf(id)).createResumableUpload({
          metadata,
          ...(origin !== null && { origin }),
        });
        return url;
      }),
    async receivedBytes({ id, byteSize, targetUrl }) {
      const object = await store.stat(keyOf(id));
      if (object) return object.byteSize;
      return targetUrl !== null && canAsk ? inStore(() => askReceivedBytes(targetUrl, byteSize)) : 0;
    },
    openRead: ({ id }) => store.openRead(keyOf(id)),
    publish: async () => undefined,
    async remove({ id, targetUrl }) {
      if (targetUrl !== null) await inStore(() => cancel(targetUrl));
      await store.deleteAll(`${id}/`);
    },
    // Cloud Storage forgets sessions by itself; what became an object is swept as one.
    async *listIdle() {},
  };
}

/**
 * Asks a resumable upload how much of it has come (Cloud Storage, "Check the status of a resumable upload").
 *
 * @returns 0 also for one that is not there any more
 */
export async function askReceivedBytes(url: string, byteSize: number): Promise<number> {
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-length': '0', 'content-range': `bytes */${byteSize}` },
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.arrayBuffer();
  if (response.ok) return byteSize;
  if (response.status === 308) {
    const last = /^bytes=0-(\d{1,15})$/.exec(response.headers.get('range') ?? '')?.[1];
    return last === undefined ? 0 : Number(last) + 1;
  }
  if (response.status >= 500) throw new StorageError(new Error(`an upload's URL answers ${response.status}`));
  return 0;
}

/** Answers 499 where it worked, and other statuses where there is nothing left to end. */
async function cancel(url: string): Promise<void> {
  const response = await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(TIMEOUT_MS) });
  await response.arrayBuffer();
}
