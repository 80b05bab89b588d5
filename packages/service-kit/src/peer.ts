import { setTimeout as delay } from 'node:timers/promises';
import { REQUEST_ID_HEADER, isErrorCode, type ErrorCode } from '@taskgraph/contracts';
import CircuitBreaker from 'opossum';
import { Pool } from 'undici';
import { AppError, unavailable } from './app-error.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { RequestContext } from './request-context.js';

export interface PeerOptions {
  /** As in the supergraph. */
  readonly name: string;
  /** Origin of the peer; its GraphQL is at `/graphql`. */
  readonly url: string;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly timeoutMs?: number;
}

export type PeerCaller = Pick<RequestContext, 'authorization' | 'requestId' | 'signal'>;

/** Another subgraph, asked directly and in the viewer's name. */
export interface Peer {
  /**
   * Runs a query (never a mutation: it is sent again once when the connection fails).
   *
   * @throws AppError UNAVAILABLE when the peer cannot be reached or answers with errors, naming it in `extensions.subgraph`
   */
  query<Data>(document: string, variables: Readonly<Record<string, unknown>>, caller: PeerCaller): Promise<Data>;
  close(): Promise<void>;
}

const CONNECTION_FAILURES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);
const RETRY_JITTER_MS = 50;

/** Creates the client of a peer: keep-alive pool, time-out, circuit breaker, one retry with jitter on connection failure. */
export function createPeer({ name, url, metrics, log, timeoutMs = 3_000 }: PeerOptions): Peer {
  const pool = new Pool(new URL(url).origin, { connections: 16, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs } });

  async function send(body: string, caller: PeerCaller): Promise<PeerAnswer> {
    const signal = AbortSignal.any([caller.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await pool.request({
      path: '/graphql',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        [REQUEST_ID_HEADER]: caller.requestId,
        ...(caller.authorization !== undefined && { authorization: caller.authorization }),
      },
      body,
      signal,
    });
    const answer = (await response.body.json()) as PeerAnswer;
    if (response.statusCode >= 500) throw new Error(`answered ${response.statusCode}`);
    return answer;
  }

  async function sendWithRetry(body: string, caller: PeerCaller): Promise<PeerAnswer> {
    try {
      return await send(body, caller);
    } catch (error) {
      if (!isConnectionFailure(error) || caller.signal.aborted) throw error;
      await delay(Math.random() * RETRY_JITTER_MS);
      return send(body, caller);
    }
  }

  const breaker = new CircuitBreaker(sendWithRetry, {
    // Each send has its own time-out, shorter than what two sends and the pause between take.
    timeout: timeoutMs * 2 + RETRY_JITTER_MS,
    errorThresholdPercentage: 50,
    resetTimeout: 30_000,
    volumeThreshold: 5,
    // A client that goes away says nothing about the peer's health.
    errorFilter: (error: unknown) => isAbort(error),
  });
  breaker.on('open', () => log.warn({ peer: name }, 'circuit opened'));
  breaker.on('close', () => log.info({ peer: name }, 'circuit closed'));

  return {
    async query<Data>(document: string, variables: Readonly<Record<string, unknown>>, caller: PeerCaller): Promise<Data> {
      const stop = metrics.peerDuration.startTimer({ peer: name });
      let answer: PeerAnswer;
      try {
        answer = await breaker.fire(JSON.stringify({ query: document, variables }), caller);
      } catch (error) {
        stop({ outcome: 'unavailable' });
        throw unavailable(name, error);
      }
      const failure = answer.errors?.[0];
      stop({ outcome: failure ? 'error' : 'ok' });
      if (failure || answer.data == null) throw toPeerFault(name, failure);
      return answer.data as Data;
    },
    async close() {
      breaker.shutdown();
      await pool.destroy();
    },
  };
}

interface PeerAnswer {
  readonly data?: unknown;
  readonly errors?: ReadonlyArray<{ readonly message: string; readonly extensions?: { readonly code?: unknown; readonly reason?: string; readonly subgraph?: string } }>;
}

/** Codes about the viewer or about the peer's own dependencies pass; the rest is the peer's trouble, not the client's. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);

function toPeerFault(name: string, failure: NonNullable<PeerAnswer['errors']>[number] | undefined): AppError {
  const code = failure?.extensions?.code;
  if (failure && isErrorCode(code) && PASSED_ON.has(code)) {
    return new AppError(code, failure.message, { reason: failure.extensions?.reason, extensions: { subgraph: failure.extensions?.subgraph ?? name } });
  }
  return unavailable(name, new Error(failure?.message ?? 'the answer holds neither data nor errors'));
}

function isConnectionFailure(error: unknown): boolean {
  return error instanceof Error && CONNECTION_FAILURES.has(String((error as NodeJS.ErrnoException).code));
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
