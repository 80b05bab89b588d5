import { sendToCloudStorage } from './cloud-storage.js';
import type { SendInPartsOptions } from './parts.js';
import { sendByTus } from './tus.js';

/** Where the bytes of a file go: what `createUpload` answers. */
export interface UploadTarget {
  readonly id: string;
  readonly url: string;
  /** How bytes are sent there; `TUS` if absent. */
  readonly protocol?: string;
}

type Send = (file: Blob, url: string, options: SendInPartsOptions) => Promise<void>;

const SENDERS: Readonly<Record<string, Send>> = { TUS: sendByTus, GCS_RESUMABLE: sendToCloudStorage };

export interface ResumableUploadOptions<Target extends UploadTarget, Result> extends SendInPartsOptions {
  /** Asks where the bytes go, by `createUpload`; given again after an interruption, it answers the same place. */
  readonly create: () => Promise<Target>;
  /** Tells that all bytes are there, by `completeUpload`. */
  readonly complete: (id: string) => Promise<Result>;
}

/**
 * Uploads a file in three steps: where to, its bytes, and that they are all there.
 *
 * @throws when the place wants a protocol that is newer than this client, and as {@link sendByTus} and {@link sendToCloudStorage} do
 */
export async function uploadResumably<Target extends UploadTarget, Result>(
  file: Blob,
  { create, complete, ...options }: ResumableUploadOptions<Target, Result>,
): Promise<Result> {
  const { id, url, protocol = 'TUS' } = await create();
  const send = SENDERS[protocol];
  if (!send) throw new Error(`This upload is sent by ${protocol}, which this client does not know.`);
  await send(file, url, options);
  return complete(id);
}
