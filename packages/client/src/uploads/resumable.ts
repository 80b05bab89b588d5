import { Upload } from 'tus-js-client';
import type { OnProgress } from './send-form.js';

/** Where the bytes of a file go: what `createUpload` answers. */
export interface UploadTarget {
  readonly id: string;
  readonly url: string;
  /** How bytes are sent there; `TUS` if absent. */
  readonly protocol?: string;
}

export interface SendByTusOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Ends the upload; what has arrived stays, and the next try goes on after it. */
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds to wait before each try after a lost connection; it fails when there are no more. */
  readonly retryDelaysMs?: readonly number[];
  /** Bytes of one request; all that are left if absent. */
  readonly chunkBytes?: number;
}

const RETRY_DELAYS_MS = [0, 1_000, 3_000, 10_000, 30_000];

/**
 * Sends a file by tus 1.0 (tus.io) to an upload that exists, from where it stands: what an earlier try has sent is not sent again.
 *
 * @throws when the server refuses it, or does not answer in all tries; the signal's reason when it is aborted
 */
export async function sendByTus(file: Blob, url: string, options: SendByTusOptions = {}): Promise<void> {
  const { onProgress, signal, headers, retryDelaysMs = RETRY_DELAYS_MS, chunkBytes } = options;
  const source = await readable(file);
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => {
      // What is on the server stays there.
      void upload.abort(false).finally(() => reject(signal?.reason));
    };
    const settle = (done: () => void) => {
      signal?.removeEventListener('abort', abort);
      done();
    };
    const upload = new Upload(source, {
      uploadUrl: url,
      uploadSize: file.size,
      headers: { ...headers },
      retryDelays: [...retryDelaysMs],
      ...(chunkBytes !== undefined && { chunkSize: chunkBytes }),
      // Where it stands is known to the server; nothing is to be remembered here.
      storeFingerprintForResuming: false,
      ...(onProgress && { onProgress: (sent: number, total: number) => onProgress(sent, total) }),
      onSuccess: () => settle(resolve),
      onError: (error) => settle(() => reject(error)),
    });
    signal?.addEventListener('abort', abort, { once: true });
    upload.start();
  });
}

/** Browsers read a file part by part. Node's HTTP takes no `Blob`, so there it is in memory. */
async function readable(file: Blob): Promise<File> {
  const { XMLHttpRequest, Buffer } = globalThis as {
    XMLHttpRequest?: unknown;
    Buffer?: { from(bytes: ArrayBuffer): unknown };
  };
  return (XMLHttpRequest || !Buffer ? file : Buffer.from(await file.arrayBuffer())) as File;
}

export interface ResumableUploadOptions<Target extends UploadTarget, Result> extends SendByTusOptions {
  /** Asks where the bytes go, by `createUpload`; given again after an interruption, it answers the same place. */
  readonly create: () => Promise<Target>;
  /** Tells that all bytes are there, by `completeUpload`. */
  readonly complete: (id: string) => Promise<Result>;
}

/**
 * Uploads a file in three steps: where to, its bytes, and that they are all there.
 *
 * @throws when the place wants another protocol than tus, and as {@link sendByTus} does
 */
export async function uploadResumably<Target extends UploadTarget, Result>(
  file: Blob,
  { create, complete, ...options }: ResumableUploadOptions<Target, Result>,
): Promise<Result> {
  const { id, url, protocol = 'TUS' } = await create();
  if (protocol !== 'TUS') throw new Error(`This upload is sent by ${protocol}, which is not tus.`);
  await sendByTus(file, url, options);
  return complete(id);
}
