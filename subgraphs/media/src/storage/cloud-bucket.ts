import { IdempotencyStrategy, Storage, type Bucket } from '@google-cloud/storage';

export interface CloudStorageOptions {
  readonly bucket: string;
  /** An emulator's URL, which is asked without credentials. */
  readonly emulatorHost?: string | undefined;
  readonly maxRetries?: number;
}

const TRIES_TIMEOUT_SECONDS = 20;
const MAX_RETRIES = 2;

/** Opens a bucket of Google Cloud Storage, or of an emulator; asks nothing yet. */
export function openCloudBucket({ bucket, emulatorHost, maxRetries = MAX_RETRIES }: CloudStorageOptions): Bucket {
  const emulator = emulatorHost === undefined ? null : new URL(emulatorHost).origin;
  const storage = new Storage({
    ...(emulator !== null && { apiEndpoint: emulator, projectId: 'emulator' }),
    retryOptions: {
      idempotencyStrategy: IdempotencyStrategy.RetryAlways,
      maxRetries,
      totalTimeout: TRIES_TIMEOUT_SECONDS,
    },
  });
  // The library takes STORAGE_EMULATOR_HOST, where that is set, for the URL of the API.
  if (emulator !== null) storage.baseUrl = `${emulator}/storage/v1`;
  return storage.bucket(bucket);
}
