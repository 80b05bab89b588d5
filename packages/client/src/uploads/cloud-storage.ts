import { RETRY_DELAYS_MS, type SendInPartsOptions } from './parts.js';
import { sendBody } from './send-body.js';

/** Of all parts but the last, bytes are a multiple of this. */
const GRANULE_BYTES = 256 * 1024;
const PART_BYTES = 32 * GRANULE_BYTES;
/** More bytes are wanted. Without `Location`, browsers hand it on as it is. */
const INCOMPLETE = 308;

/** Cloud Storage knows no such upload, or does not take it: asking again would change nothing. */
class UploadRefused extends Error {}

/**
 * Sends a file to a resumable upload of Google Cloud Storage, from where it stands: after an interruption it asks how much has arrived.
 *
 * @throws when Cloud Storage refuses it, or does not answer in all tries; the signal's reason when it is aborted
 */
export async function sendToCloudStorage(file: Blob, url: string, options: SendInPartsOptions = {}): Promise<void> {
  const { onProgress, signal, headers = {}, retryDelaysMs = RETRY_DELAYS_MS } = options;
  const partBytes = wholeGranules(options.chunkBytes ?? PART_BYTES);

  /** How much has arrived then; null when all has. */
  async function put(body: Blob, range: string, from: number): Promise<number | null> {
    const response = await sendBody(url, body, {
      method: 'PUT',
      headers: { ...headers, 'content-range': `bytes ${range}/${file.size}` },
      credentials: false,
      signal,
      ...(onProgress && { onProgress: (sent: number) => onProgress(Math.min(from + sent, file.size), file.size) }),
    });
    const { status } = response;
    if (response.ok) return null;
    if (status === INCOMPLETE) return arrived(response);
    const told = `Cloud Storage answers ${status}.`;
    throw status >= 500 || status === 408 || status === 429 ? new Error(told) : new UploadRefused(told);
  }

  let from: number | null = 0;
  let isInterrupted = false;
  let failed = 0;
  while (from !== null) {
    signal?.throwIfAborted();
    const before: number = from;
    try {
      if (isInterrupted) from = await put(new Blob([]), '*', before);
      isInterrupted = false;
      if (from === null) break;
      const part = file.slice(from, from + partBytes);
      from = await put(part, part.size === 0 ? '*' : `${from}-${from + part.size - 1}`, from);
      if (from !== null && from <= before) throw new Error('Cloud Storage has taken nothing of a part.');
      failed = 0;
      if (from !== null) onProgress?.(from, file.size);
    } catch (error) {
      signal?.throwIfAborted();
      const delayMs = retryDelaysMs[failed];
      if (error instanceof UploadRefused || delayMs === undefined) throw error;
      failed += 1;
      isInterrupted = true;
      from = before;
      await wait(delayMs, signal);
    }
  }
  onProgress?.(file.size, file.size);
}

function wholeGranules(bytes: number): number {
  return Math.max(1, Math.floor(bytes / GRANULE_BYTES)) * GRANULE_BYTES;
}

/** What the answer says is there: nothing where it names no range. */
function arrived({ headers }: Response): number {
  const last = /^bytes=0-(\d{1,15})$/.exec(headers.get('range') ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', end, { once: true });
  });
}
