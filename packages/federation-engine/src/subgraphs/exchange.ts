import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';

export interface ExchangeRequest {
  readonly method?: 'POST' | 'GET';
  /** Where the dispatcher serves more than one. */
  readonly origin?: string;
  readonly path: string;
  readonly idempotent: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Null for a request without one. */
  readonly body: string | AsyncIterable<Uint8Array | string> | null;
  readonly signal: AbortSignal;
  /** From sending to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Of the answer, as it comes and as it is read. */
  readonly maxBytes: number;
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

/** An answer that is not read to its end. */
export class AnswerTooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super(`the answer has more than ${maxBytes} bytes`);
    this.name = 'AnswerTooLarge';
  }
}

/**
 * Sends a request and collects the answer. It is written on undici's dispatch interface, without streams and combined
 * signals in between: a gateway does this several times for each request.
 *
 * No more than `maxBytes` of the answer are ever held, and none of what is decompressed beyond that: the connection is closed.
 *
 * @throws undici's errors; TimeoutError; AnswerTooLarge; the signal's reason
 */
export function exchange(
  dispatcher: Dispatcher,
  { method = 'POST', origin, path, idempotent, headers, body, signal, timeoutMs, maxBytes }: ExchangeRequest,
): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let settled = false;
    let failure: unknown;
    let status = 0;
    let answerHeaders: ExchangeAnswer['headers'] = {};
    const chunks: Buffer[] = [];
    let bytes = 0;

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
      {
        ...(origin !== undefined && { origin }),
        path,
        method,
        idempotent,
        headers,
        body: body as string,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart(started) {
          controller = started;
          // It was given up while it waited for a connection.
          if (settled) started.abort(failure instanceof Error ? failure : new Error('cancelled'));
        },
        onResponseStart(_controller, statusCode, responseHeaders) {
          status = statusCode;
          answerHeaders = responseHeaders;
          if (Number(responseHeaders['content-length']) > maxBytes) cancel(new AnswerTooLarge(maxBytes));
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length;
          if (bytes > maxBytes) {
            chunks.length = 0;
            cancel(new AnswerTooLarge(maxBytes));
          } else if (!settled) chunks.push(chunk);
        },
        onResponseEnd() {
          if (!settle()) return;
          decode(chunks, answerHeaders['content-encoding'], maxBytes).then(
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

const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
]);

async function decode(
  chunks: readonly Buffer[],
  encoding: string | string[] | undefined,
  maxBytes: number,
): Promise<string> {
  const [only] = chunks;
  const whole = only && chunks.length === 1 ? only : Buffer.concat(chunks);
  const decoder = typeof encoding === 'string' ? DECODERS.get(encoding) : undefined;
  if (!decoder) return whole.toString('utf8');
  try {
    return (await decoder(whole, { maxOutputLength: maxBytes })).toString('utf8');
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? new AnswerTooLarge(maxBytes) : error;
  }
}
