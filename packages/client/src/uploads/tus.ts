import { Upload } from 'tus-js-client';
import { RETRY_DELAYS_MS, type SendInPartsOptions } from './parts.js';

/** Another request has the upload just now (RFC 4918, 11.3; tus 1.0, PATCH), or there were too many. */
const AGAIN = new Set([409, 423, 429]);

/**
 * Sends a file by tus 1.0 (tus.io) to an upload that exists, from where it stands: what an earlier try has sent is not sent again.
 *
 * @throws when the server refuses it, or does not answer in all tries; the signal's reason when it is aborted
 */
export async function sendByTus(file: Blob, url: string, options: SendInPartsOptions = {}): Promise<void> {
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
      onShouldRetry: (error) => mayPass(error.originalResponse?.getStatus() ?? 0),
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

/**
 * Whether another try may go better, after this status, or 0 for no answer. Also where the browser says that it is offline: a page that
 * loses its network for a moment goes on.
 */
function mayPass(status: number): boolean {
  return status < 400 || status >= 500 || AGAIN.has(status);
}

/** Browsers read a file part by part. Node's HTTP takes no `Blob`, so there it is in memory. */
async function readable(file: Blob): Promise<File> {
  const { XMLHttpRequest, Buffer } = globalThis as {
    XMLHttpRequest?: unknown;
    Buffer?: { from(bytes: ArrayBuffer): unknown };
  };
  return (XMLHttpRequest || !Buffer ? file : Buffer.from(await file.arrayBuffer())) as File;
}
