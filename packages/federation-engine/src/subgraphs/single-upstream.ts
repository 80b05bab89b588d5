import { setTimeout as delay } from 'node:timers/promises';
import type { LookupFunction } from 'node:net';
import { Pool, type Dispatcher } from 'undici';
import { Fault, unavailable } from '../request/fault.js';
import { createCircuit, type Verdict } from './circuit.js';
import { AnswerTooLarge, exchange, startExchange, type ExchangeAnswer, type ExchangeRequest } from './exchange.js';
import { toAbortSignal, type CancelSignal } from '../request/cancellation.js';
import type { Log } from '../request/log.js';
import { createMultiplexedPool } from './multiplexed-pool.js';
import { BadResponse, failureReason, judge, mayBeAskedAgain, verdictReason } from './upstream-errors.js';

export interface UpstreamOptions {
  /** As in the supergraph; named in logs and errors. */
  readonly name: string;
  /** The GraphQL endpoint; `/graphql` when the URL has no path. */
  readonly url: string;
  readonly log: Log;
  /** Of one try, from sending to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxConnections?: number;
  /** Of an answer, after decompression. */
  readonly maxAnswerBytes?: number;
  /** Speaks HTTP/2 where the service offers it over TLS. */
  readonly http2?: boolean;
  /** Certificates (PEM) of authorities that may vouch for it, in the place of those that Node knows. */
  readonly authorities?: readonly string[] | undefined;
  /** Asks for compressed answers. */
  readonly compression?: boolean;
  /** Share of failures that opens the circuit, percent. */
  readonly breakerErrorPercentage?: number;
  /** How long an open circuit refuses before it tries again. */
  readonly breakerResetMs?: number;
  /** Where it is, of several places; named in logs. */
  readonly address?: string;
  /** Finds the address of its host, in the place of DNS. */
  readonly lookup?: LookupFunction;
  /** Whether what may be sent twice is sent again when it fails; as it is, when absent. */
  readonly retries?: boolean;
  /** Told of calls that are no success, for the circuit breaker, and why. */
  readonly onVerdict?: (verdict: 'failure' | 'none', reason: string) => void;
}

export interface UpstreamRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** A text may be sent twice; a stream is sent once. */
  readonly body: string | AsyncIterable<Uint8Array | string>;
  /** Whether it may be sent again when the connection fails, or nobody was behind a balancer. */
  readonly idempotent: boolean;
  readonly signal: CancelSignal;
  /** In the place of the usual time-out, e.g. for uploads. */
  readonly timeoutMs?: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  /** As it came; parsing it again makes a copy. */
  readonly text: string;
  readonly body: unknown;
  readonly headers: ExchangeAnswer['headers'];
  /** Whether a header says for how long it may be kept; absent where nobody has looked. */
  readonly saysLifetime?: boolean;
  /** Whether no character of its text is beyond ASCII; absent where nobody has looked. */
  readonly isAscii?: boolean;
  /** When this was asked for; milliseconds since the epoch. */
  readonly sentAt: number;
}

/** Another GraphQL service over HTTP. */
export interface Upstream {
  readonly name: string;
  /**
   * Posts a request and reads its JSON answer, whatever its status below 500.
   *
   * @throws Fault UNAVAILABLE, with a reason, when no usable answer comes: TIMEOUT, CONNECTION, CIRCUIT_OPEN, BAD_RESPONSE,
   * ANSWER_TOO_LARGE
   * @throws the signal's reason when the caller has gone away
   */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /** Posts past the circuit breaker and the other requests, over a connection of its own, to find out whether the service is there. */
  probe(request: UpstreamRequest): Promise<UpstreamAnswer>;
  readonly circuit: () => 'closed' | 'open' | 'half_open';
  /** Takes nothing more, and closes when what is under way has been answered. */
  retire(): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
}

const MAX_ANSWER_BYTES = 16 * 2 ** 20;
const STANDARD_HEADERS = ['accept', 'application/json'];
const ENCODINGS = ['accept-encoding', 'gzip, br'];
const RETRY_JITTER_MS = 50;
/** What any GraphQL service answers at once, however busy it is. */
const PROBE = {
  headers: { 'content-type': 'application/json' },
  body: '{"query":"{__typename}"}',
  idempotent: true,
} as const;
const PROBE_TIMEOUT_MS = 1_500;

/**
 * Creates the client of a service: keep-alive pool, time-out, circuit breaker, one retry with jitter where the connection fails or a
 * balancer says that nobody is behind it.
 *
 * What a client can bring about by what it sends does not count against the service: see `upstream-errors.ts`.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { name, timeoutMs, onVerdict, maxAnswerBytes = MAX_ANSWER_BYTES, retries = true } = options;
  const log = options.address === undefined ? options.log : options.log.child({ address: options.address });
  const endpoint = new URL(options.url);
  const path = endpoint.pathname === '/' ? '/graphql' : endpoint.pathname + endpoint.search;
  const connections = options.maxConnections ?? 64;
  const connect = {
    timeout: timeoutMs,
    ...(options.authorities && { ca: [...options.authorities] }),
    ...(options.lookup && { lookup: options.lookup }),
  };
  const pool = new Pool(endpoint.origin, {
    connections,
    connect,
    allowH2: options.http2 ?? false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // Where all other connections are taken by slow requests, there is still this one to ask whether the service is well.
  const probing = new Pool(endpoint.origin, {
    connections: 1,
    connect,
    allowH2: options.http2 ?? false,
  });
  // What must not be sent twice, and what is streamed, does not share a connection.
  const sharing = options.http2
    ? createMultiplexedPool(endpoint.origin, {
        connections,
        connectTimeoutMs: timeoutMs,
        authorities: options.authorities,
        lookup: options.lookup,
      })
    : null;

  const standardHeaders = [...STANDARD_HEADERS, ...(options.compression ? ENCODINGS : [])];
  const dispatcherOf = ({ idempotent }: UpstreamRequest): Dispatcher => (idempotent && sharing ? sharing : pool);

  function toExchange(request: UpstreamRequest): ExchangeRequest {
    const headers = standardHeaders.slice();
    for (const header in request.headers) headers.push(header, request.headers[header] as string);
    return {
      path,
      idempotent: request.idempotent,
      headers,
      body: request.body,
      signal: request.signal,
      timeoutMs: request.timeoutMs ?? timeoutMs,
      maxBytes: maxAnswerBytes,
    };
  }

  /** @throws BadResponse */
  function toAnswer(answer: ExchangeAnswer, sentAt: number): UpstreamAnswer {
    const { status, text } = answer;
    if (status >= 500 && !text.startsWith('{')) throw new BadResponse(status, `${name} answered ${status}`);
    return new ReadAnswer(answer, parseBody(name, status, text), sentAt);
  }

  async function post(request: UpstreamRequest, dispatcher = dispatcherOf(request)): Promise<UpstreamAnswer> {
    const sentAt = Date.now();
    return toAnswer(await exchange(dispatcher, toExchange(request)), sentAt);
  }

  function mayRetry({ idempotent, signal }: UpstreamRequest, error: unknown): boolean {
    return retries && idempotent && !signal.aborted && mayBeAskedAgain(error);
  }

  async function postAgain(request: UpstreamRequest): Promise<UpstreamAnswer> {
    await delay(Math.random() * RETRY_JITTER_MS, undefined, { signal: toAbortSignal(request.signal) });
    return post(request);
  }

  async function postWithRetry(request: UpstreamRequest): Promise<UpstreamAnswer> {
    try {
      return await post(request);
    } catch (error) {
      if (!mayRetry(request, error)) throw error;
      return postAgain(request);
    }
  }

  function judgeError({ body, signal }: UpstreamRequest, error: unknown): Verdict {
    return signal.aborted ? 'none' : judge(error, typeof body === 'string');
  }

  function toFault({ signal }: UpstreamRequest, error: unknown): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof AnswerTooLarge
      ? answerTooLarge(name, error)
      : unavailable(name, error, failureReason(error));
  }

  /** The common case: the circuit is closed, and one try is enough. */
  function sendAtOnce(request: UpstreamRequest): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      const sentAt = Date.now();
      const begunAt = circuit.openings();
      const succeed = (answer: UpstreamAnswer) => {
        if (isSuccess(answer)) circuit.succeeded(begunAt);
        resolve(answer);
      };
      const fail = (error: unknown) => {
        circuit.failed(error, judgeError(request, error), begunAt);
        reject(toFault(request, error));
      };
      startExchange(dispatcherOf(request), toExchange(request), {
        onAnswer(received) {
          let answer: UpstreamAnswer;
          try {
            answer = toAnswer(received, sentAt);
          } catch (error) {
            if (mayRetry(request, error)) postAgain(request).then(succeed, fail);
            else fail(error);
            return;
          }
          succeed(answer);
        },
        onFault(error) {
          if (mayRetry(request, error)) postAgain(request).then(succeed, fail);
          else fail(error);
        },
      });
    });
  }

  /** Tries whether the service is back, or is told that it is left alone. */
  async function sendPast(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const error = (thrown: unknown) => judgeError(request, thrown);
    try {
      return await circuit.run(() => postWithRetry(request), { error, isSuccess }, request.signal);
    } catch (thrown) {
      throw toFault(request, thrown);
    }
  }

  /** It is well where it answers in GraphQL, or refuses such a question. */
  async function probe(): Promise<void> {
    const timeout = Math.min(timeoutMs, PROBE_TIMEOUT_MS);
    try {
      await post({ ...PROBE, signal: closed.signal, timeoutMs: timeout }, probing);
    } catch (error) {
      if (!(error instanceof BadResponse) || error.isAboutTheService) throw error;
    }
  }

  const closed = new AbortController();
  const circuit = createCircuit({
    name,
    log,
    probe,
    errorPercentage: options.breakerErrorPercentage,
    resetMs: options.breakerResetMs,
    onVerdict: onVerdict && ((verdict, error) => onVerdict(verdict, verdictReason(error))),
  });

  return {
    name,
    send: (request) => (circuit.isClosed() && !request.signal.aborted ? sendAtOnce(request) : sendPast(request)),
    probe: (request) => post(request, probing),
    circuit: circuit.state,
    async retire() {
      circuit.close();
      await Promise.all([pool.close(), probing.close(), sharing?.close()]);
    },
    async close() {
      circuit.close();
      closed.abort(new Error('closed'));
      await Promise.all([pool.destroy(), probing.destroy(), sharing?.destroy()]);
    },
  };
}

/** Its headers are read when somebody asks for one. */
class ReadAnswer implements UpstreamAnswer {
  readonly #received: ExchangeAnswer;
  readonly status: number;
  readonly saysLifetime: boolean;
  readonly isAscii: boolean;
  readonly text: string;

  constructor(
    received: ExchangeAnswer,
    readonly body: unknown,
    readonly sentAt: number,
  ) {
    this.#received = received;
    this.status = received.status;
    this.saysLifetime = received.saysLifetime;
    this.isAscii = received.isAscii;
    this.text = received.text;
  }

  get headers(): UpstreamAnswer['headers'] {
    return this.#received.headers;
  }
}

/** An error in GraphQL, with its status, says that the service is there; whether it is well is seen from other answers. */
function isSuccess({ status }: UpstreamAnswer): boolean {
  return status < 400;
}

function parseBody(name: string, status: number, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new BadResponse(status, `${name} did not answer with JSON`, { cause });
  }
}

/** To ask again would bring the same: the message says what is wrong, and the cause is not the client's to know. */
function answerTooLarge(subgraph: string, cause: AnswerTooLarge): Fault {
  return new Fault('UNAVAILABLE', `The ${subgraph} service answers with too much. Ask for less at once.`, {
    cause,
    reason: 'ANSWER_TOO_LARGE',
    extensions: { subgraph, maxBytes: cause.maxBytes },
  });
}
