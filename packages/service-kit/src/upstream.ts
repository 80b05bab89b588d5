import { setTimeout as delay } from 'node:timers/promises';
import CircuitBreaker from 'opossum';
import { Pool } from 'undici';
import { AppError, unavailable } from './app-error.js';
import { exchange } from './exchange.js';
import type { Log } from './log.js';
import { createMultiplexedPool } from './multiplexed-pool.js';

export interface UpstreamOptions {
  /** As in the supergraph; named in logs and errors. */
  readonly name: string;
  /** The GraphQL endpoint; `/graphql` when the URL has no path. */
  readonly url: string;
  readonly log: Log;
  /** Of one try, from sending to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxConnections?: number;
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
}

export interface UpstreamRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** A text may be sent twice; a stream is sent once. */
  readonly body: string | AsyncIterable<Uint8Array | string>;
  /** Whether it may be sent again when the connection fails. */
  readonly idempotent: boolean;
  readonly signal: AbortSignal;
  /** In the place of the usual time-out, e.g. for uploads. */
  readonly timeoutMs?: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  /** As it came; parsing it again makes a copy. */
  readonly text: string;
  readonly body: unknown;
  readonly cacheControl: string | undefined;
}

/** Another GraphQL service over HTTP. */
export interface Upstream {
  readonly name: string;
  /**
   * Posts a request and reads its JSON answer, whatever its status below 500.
   *
   * @throws AppError UNAVAILABLE, with a reason, when no usable answer comes: TIMEOUT, CONNECTION, CIRCUIT_OPEN, BAD_RESPONSE
   * @throws the signal's reason when the caller has gone away
   */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /** Posts past the circuit breaker, to find out whether the service is there. */
  probe(request: UpstreamRequest): Promise<UpstreamAnswer>;
  readonly circuit: () => 'closed' | 'open' | 'half_open';
  /** Takes nothing more, and closes when what is under way has been answered. */
  retire(): Promise<void>;
  /** Closes at once. */
  close(): Promise<void>;
}

const CONNECTION_FAILURES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const STANDARD_HEADERS = { accept: 'application/json' };
const ENCODINGS = { 'accept-encoding': 'gzip, br' };
const RETRY_JITTER_MS = 50;
/** Fewer calls than this say nothing about a service's health. */
const BREAKER_VOLUME = 5;

/** Creates the client of a service: keep-alive pool, time-out, circuit breaker, one retry with jitter on connection failure. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { name, log, timeoutMs } = options;
  const endpoint = new URL(options.url);
  const path = endpoint.pathname === '/' ? '/graphql' : endpoint.pathname + endpoint.search;
  const connections = options.maxConnections ?? 64;
  const pool = new Pool(endpoint.origin, {
    connections,
    connect: { timeout: timeoutMs, ...(options.authorities && { ca: [...options.authorities] }) },
    allowH2: options.http2 ?? false,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // What must not be sent twice, and what is streamed, does not share a connection.
  const sharing = options.http2
    ? createMultiplexedPool(endpoint.origin, {
        connections,
        connectTimeoutMs: timeoutMs,
        authorities: options.authorities,
      })
    : null;

  async function post(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const { status, headers, text } = await exchange(request.idempotent && sharing ? sharing : pool, {
      path,
      idempotent: request.idempotent,
      headers: { ...STANDARD_HEADERS, ...(options.compression && ENCODINGS), ...request.headers },
      body: request.body,
      signal: request.signal,
      timeoutMs: request.timeoutMs ?? timeoutMs,
    });
    if (status >= 500 && !text.startsWith('{')) throw new BadResponse(`${name} answered ${status}`);
    const cacheControl = headers['cache-control'];
    return {
      status,
      text,
      body: parseBody(name, text),
      cacheControl: typeof cacheControl === 'string' ? cacheControl : undefined,
    };
  }

  async function postWithRetry(request: UpstreamRequest): Promise<UpstreamAnswer> {
    try {
      return await post(request);
    } catch (error) {
      if (!request.idempotent || request.signal.aborted || !isConnectionFailure(error)) throw error;
      await delay(Math.random() * RETRY_JITTER_MS, undefined, { signal: request.signal });
      return post(request);
    }
  }

  const breaker: CircuitBreaker<[UpstreamRequest], UpstreamAnswer> = new CircuitBreaker(postWithRetry, {
    timeout: false,
    errorThresholdPercentage: options.breakerErrorPercentage ?? 50,
    resetTimeout: options.breakerResetMs ?? 30_000,
    volumeThreshold: BREAKER_VOLUME,
    // A client that goes away says nothing about the health of the service. opossum takes that for a success, so where it
    // would close the circuit, it counts as a failure.
    errorFilter: (_error: unknown, request?: UpstreamRequest): boolean =>
      request?.signal.aborted === true && !breaker.halfOpen,
  });
  breaker.on('open', () => log.warn({ upstream: name }, 'circuit opened'));
  breaker.on('halfOpen', () => log.info({ upstream: name }, 'circuit half open: the next request tries'));
  breaker.on('close', () => log.info({ upstream: name }, 'circuit closed'));

  return {
    name,
    async send(request) {
      try {
        return await breaker.fire(request);
      } catch (error) {
        request.signal.throwIfAborted();
        throw unavailable(name, error, failureReason(error));
      }
    },
    probe: post,
    circuit: () => (breaker.opened ? 'open' : breaker.halfOpen ? 'half_open' : 'closed'),
    async retire() {
      breaker.shutdown();
      await Promise.all([pool.close(), sharing?.close()]);
    },
    async close() {
      breaker.shutdown();
      await Promise.all([pool.destroy(), sharing?.destroy()]);
    },
  };
}

/** The service answered, but not with what a GraphQL service answers. */
class BadResponse extends Error {}

function parseBody(name: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new BadResponse(`${name} did not answer with JSON`, { cause });
  }
}

function failureReason(error: unknown): string {
  if (error instanceof BadResponse) return 'BAD_RESPONSE';
  const { code, name } = facts(error);
  if (code === 'EOPENBREAKER') return 'CIRCUIT_OPEN';
  return name === 'TimeoutError' || TIMEOUTS.has(code) ? 'TIMEOUT' : 'CONNECTION';
}

function isConnectionFailure(error: unknown): boolean {
  return !(error instanceof AppError) && CONNECTION_FAILURES.has(facts(error).code);
}

/** Errors of the platform are told by their members: those of another realm are no instances of ours. */
function facts(error: unknown): { readonly code: string; readonly name: string } {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return { code: String(code), name: String(name) };
}
