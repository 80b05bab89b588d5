/** How much of a body is sent. `total` is 0 where it is not known. */
export type OnProgress = (sentBytes: number, totalBytes: number) => void;

export interface SendBodyOptions {
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  /** Whether cookies go to another origin as well. */
  readonly credentials: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** The part of XMLHttpRequest that is used: only it tells how much of a body is sent. */
interface Xhr {
  readonly upload: { onprogress: ((event: { loaded: number; total: number }) => void) | null };
  readonly status: number;
  readonly statusText: string;
  readonly responseText: string;
  withCredentials: boolean;
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getAllResponseHeaders(): string;
  send(body: unknown): void;
  abort(): void;
}

/**
 * Sends a body and tells how far it is. By XMLHttpRequest where there is one; elsewhere by fetch, which tells nothing before the answer.
 *
 * @throws TypeError when there is no answer, as fetch does; the signal's reason when it is aborted
 */
export async function sendBody(url: string, body: FormData | Blob, options: SendBodyOptions): Promise<Response> {
  const { XMLHttpRequest } = globalThis as { XMLHttpRequest?: new () => Xhr };
  options.signal?.throwIfAborted();
  if (XMLHttpRequest) return sendByXhr(new XMLHttpRequest(), url, body, options);
  const { method, headers, credentials, signal } = options;
  return fetch(url, {
    method,
    headers,
    body,
    ...(signal && { signal }),
    ...(credentials && { credentials: 'include' as const }),
  });
}

function sendByXhr(xhr: Xhr, url: string, body: FormData | Blob, options: SendBodyOptions): Promise<Response> {
  const { method, headers, credentials, signal, onProgress } = options;
  return new Promise((resolve, reject) => {
    const abort = () => xhr.abort();
    const settle = (done: () => void) => () => {
      signal?.removeEventListener('abort', abort);
      done();
    };
    xhr.open(method, url);
    xhr.withCredentials = credentials;
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    if (onProgress) xhr.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    xhr.onload = settle(() => resolve(toResponse(xhr)));
    xhr.onerror = settle(() => reject(new TypeError('The upload has failed: there is no connection to the server.')));
    xhr.onabort = settle(() => reject(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    xhr.send(body);
  });
}

function toResponse(xhr: Xhr): Response {
  const headers = new Headers();
  for (const line of xhr.getAllResponseHeaders().split('\r\n')) {
    const at = line.indexOf(':');
    if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  return new Response(xhr.responseText, { status: xhr.status, statusText: xhr.statusText, headers });
}
