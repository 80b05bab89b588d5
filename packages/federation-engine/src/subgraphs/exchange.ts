import { isAscii } from 'node:buffer';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import { util, type Dispatcher } from 'undici';
import type { CancelSignal } from '../request/cancellation.js';

export interface ExchangeRequest {
  readonly method?: 'POST' | 'GET';
  /** Where the dispatcher serves more than one. */
  readonly origin?: string;
  readonly path: string;
  readonly idempotent: boolean;
  /** By names; or names and values in turns. */
  readonly headers: Readonly<Record<string, string>> | readonly string[];
  /** Null for a request without one. */
  readonly body: string | AsyncIterable<Uint8Array | string> | null;
  readonly signal: CancelSignal;
  /** From sending to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Of the answer, as it comes and as it is read. */
  readonly maxBytes: number;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Whether a header may say for how long it may be kept: most say nothing or `no-store`, and their headers need not be read. */
  readonly saysLifetime: boolean;
  readonly text: string;
  /** Whether no character of the text is beyond ASCII. */
  readonly isAscii: boolean;
}

/** What an exchange tells of its end, by one call of one of both. */
export interface ExchangeListener {
  onAnswer(answer: ExchangeAnswer): void;
  /** @param error of undici; TimeoutError; AnswerTooLarge; the signal's reason */
  onFault(error: unknown): void;
}

/** A time-out, told by its name as those of the platform are. */
class TimeoutError extends Error {
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

/** {@link startExchange} as a promise. @throws what its listener is told as a fault */
export function exchange(dispatcher: Dispatcher, request: ExchangeRequest): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    startExchange(dispatcher, request, { onAnswer: resolve, onFault: reject });
  });
}

/**
 * Sends a request and collects the answer. It is written on undici's dispatch interface, without streams, promises and combined
 * signals in between: an engine does this several times for each request.
 *
 * No more than `maxBytes` of the answer are ever held, and none of what is decompressed beyond that: the connection is closed.
 */
export function startExchange(dispatcher: Dispatcher, request: ExchangeRequest, listener: ExchangeListener): void {
  const { method = 'POST', origin, path, idempotent, headers, body, signal } = request;
  if (signal.aborted) {
    listener.onFault(signal.reason);
    return;
  }
  const running = new RunningExchange(request, listener);
  dispatcher.dispatch(
    {
      ...(origin !== undefined && { origin }),
      path,
      method,
      idempotent,
      headers: headers as string[],
      body: body as string,
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    running,
  );
}

/** An answer whose headers are read when somebody asks for one. */
class ReceivedAnswer implements ExchangeAnswer {
  #headers: ExchangeAnswer['headers'] | null = null;
  readonly #rawHeaders: Buffer[];

  constructor(
    readonly status: number,
    rawHeaders: Buffer[],
    readonly saysLifetime: boolean,
    readonly text: string,
    readonly isAscii: boolean,
  ) {
    this.#rawHeaders = rawHeaders;
  }

  get headers(): ExchangeAnswer['headers'] {
    return (this.#headers ??= util.parseHeaders(this.#rawHeaders) as ExchangeAnswer['headers']);
  }
}

const NO_HEADERS: Buffer[] = [];
const CONTENT_LENGTH = 'content-length';
const CONTENT_ENCODING = 'content-encoding';
/** RFC 9111, section 5. */
const CACHE_CONTROL = 'cache-control';
const EXPIRES = 'expires';

/** What undici's core calls: its newer handlers are a layer on these, which reads all headers of every answer. */
class RunningExchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #listener: ExchangeListener;
  readonly #timer: NodeJS.Timeout;
  #abort: ((reason?: Error) => void) | null = null;
  #isSettled = false;
  #failure: unknown = undefined;
  #status = 0;
  #rawHeaders = NO_HEADERS;
  #encoding: string | null = null;
  #saysLifetime = false;
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  #bytes = 0;

  constructor(request: ExchangeRequest, listener: ExchangeListener) {
    this.#request = request;
    this.#listener = listener;
    this.#timer = setTimeout(onTimeout, request.timeoutMs, this);
    request.signal.addEventListener('abort', this, ONCE);
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.#cancel(this.#request.signal.reason);
  }

  onTime(): void {
    this.#cancel(new TimeoutError(this.#request.timeoutMs));
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    // It was given up while it waited for a connection.
    if (this.#isSettled) abort(toError(this.#failure));
  }

  onHeaders(status: number, rawHeaders: Buffer[]): boolean {
    this.#status = status;
    this.#rawHeaders = rawHeaders;
    this.#encoding = null;
    this.#saysLifetime = false;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const { length } = rawHeaders[index] as Buffer;
      if (length === CONTENT_LENGTH.length && isNamed(rawHeaders[index], CONTENT_LENGTH)) {
        const { maxBytes } = this.#request;
        if (Number(String(rawHeaders[index + 1])) > maxBytes) this.#cancel(new AnswerTooLarge(maxBytes));
      } else if (length === CONTENT_ENCODING.length && isNamed(rawHeaders[index], CONTENT_ENCODING))
        this.#encoding = String(rawHeaders[index + 1]);
      else if (length === CACHE_CONTROL.length && isNamed(rawHeaders[index], CACHE_CONTROL))
        this.#saysLifetime ||= !isNoStore(rawHeaders[index + 1]);
      else if (length === EXPIRES.length && isNamed(rawHeaders[index], EXPIRES)) this.#saysLifetime = true;
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxBytes) {
      this.#first = null;
      this.#more = null;
      this.#cancel(new AnswerTooLarge(this.#request.maxBytes));
    } else if (this.#isSettled) return true;
    else if (this.#first === null) this.#first = chunk;
    else if (this.#more === null) this.#more = [this.#first, chunk];
    else this.#more.push(chunk);
    return true;
  }

  onComplete(): void {
    if (!this.#settle()) return;
    const whole = this.#more ? Buffer.concat(this.#more) : (this.#first ?? EMPTY);
    const decoder = this.#encoding === null ? undefined : DECODERS.get(this.#encoding);
    if (!decoder) {
      this.#tell(whole);
      return;
    }
    const { maxBytes } = this.#request;
    decoder(whole, { maxOutputLength: maxBytes }).then(
      (decoded) => this.#tell(decoded),
      (error: NodeJS.ErrnoException) =>
        this.#listener.onFault(error.code === 'ERR_BUFFER_TOO_LARGE' ? new AnswerTooLarge(maxBytes) : error),
    );
  }

  #tell(bytes: Buffer): void {
    // ASCII is copied as it is, which is several times as fast as to decode UTF-8.
    const isPlain = isAscii(bytes);
    const text = bytes.toString(isPlain ? 'latin1' : 'utf8');
    this.#listener.onAnswer(new ReceivedAnswer(this.#status, this.#rawHeaders, this.#saysLifetime, text, isPlain));
  }

  onError(error: Error): void {
    if (this.#settle()) this.#listener.onFault(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener('abort', this);
    return true;
  }

  #cancel(reason: unknown): void {
    if (!this.#settle()) return;
    this.#failure = reason;
    this.#listener.onFault(reason);
    this.#abort?.(toError(reason));
  }
}

const ONCE = { once: true };
const EMPTY = Buffer.alloc(0);
const NO_STORE = 'no-store';
const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['br', promisify(brotliDecompress)],
]);

function onTimeout(running: RunningExchange): void {
  running.onTime();
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('cancelled');
}

function isNamed(name: Buffer | string | undefined, expected: string): boolean {
  return String(name).toLowerCase() === expected;
}

/** What most answers say that must not be kept; in another form, or beside others, it is found when all of them are read. */
function isNoStore(value: Buffer | string | undefined): boolean {
  return value?.length === NO_STORE.length && String(value) === NO_STORE;
}
