import { createBrotliDecompress, createGunzip, type BrotliDecompress, type Gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

export interface ExchangeRequest {
  readonly path: string;
  readonly idempotent: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | AsyncIterable<Uint8Array | string>;
  readonly signal: AbortSignal;
  /** From sending to the last byte of the answer. */
  readonly timeoutMs: number;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A time-out, told by its name as those of the platform are. */
export class TimeoutError extends Error {
  constructor(timeoutMs: number) {
    super(`no whole answer within ${timeoutMs} ms`);
    this.name = 'TimeoutError';
  }
}

/**
 * Posts a body and collects the answer. It is written on undici's dispatch interface, without streams and combined
 * signals in between: a gateway does this several times for each request.
 *
 * @throws undici's errors; TimeoutError; the signal's reason
 */
export function exchange(
  dispatcher: Dispatcher,
  { path, idempotent, headers, body, signal, timeoutMs }: ExchangeRequest,
): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let settled = false;
    let failure: unknown;
    let status = 0;
    let answerHeaders: ExchangeAnswer['headers'] = {};
    const chunks: Buffer[] = [];

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      return true;
    };
    const cancel = (reason: unknown) => {
      if (!settle()) return;
      failure = reason;
      reject(reason);
      controller?.abort(reason instanceof Error ? reason : new Error('cancelled'));
    };
    const onAbort = () => cancel(signal.reason);
    const timer = setTimeout(() => cancel(new TimeoutError(timeoutMs)), timeoutMs);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(
      { path, method: 'POST', idempotent, headers, body: body as string, headersTimeout: 0, bodyTimeout: 0 },
      {
        onRequestStart(started) {
          controller = started;
          // It was given up while it waited for a connection.
          if (settled) started.abort(failure instanceof Error ? failure : new Error('cancelled'));
        },
        onResponseStart(_controller, statusCode, responseHeaders) {
          status = statusCode;
          answerHeaders = responseHeaders;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          if (!settle()) return;
          decode(chunks, answerHeaders['content-encoding']).then(
            (text) => resolve({ status, headers: answerHeaders, text }),
            reject,
          );
        },
        onResponseError(_controller, error) {
          if (settle()) reject(error);
        },
      },
    );
  });
}

async function decode(chunks: readonly Buffer[], encoding: string | string[] | undefined): Promise<string> {
  const [only] = chunks;
  const whole = only && chunks.length === 1 ? only : Buffer.concat(chunks);
  const decoder = decoderOf(encoding);
  if (!decoder) return whole.toString('utf8');
  const parts: Buffer[] = [];
  decoder.end(whole);
  for await (const part of decoder) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function decoderOf(encoding: string | string[] | undefined): Gunzip | BrotliDecompress | null {
  if (encoding === 'gzip') return createGunzip();
  return encoding === 'br' ? createBrotliDecompress() : null;
}
