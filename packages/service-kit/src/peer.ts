import {
  CLIENT_INFO_HEADER,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
  isErrorCode,
  type ErrorCode,
} from '@taskgraph/contracts';
import { createSpreadUpstream, Fault } from '@taskgraph/federation-engine/upstream';
import { AppError, unavailable } from './app-error.js';
import type { ClientInfo, SignClientInfo } from './client-info.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { RequestContext } from './request-context.js';
import { activeSpan } from './tracing/span.js';

interface PeerOptions {
  /** As in the supergraph. */
  readonly name: string;
  readonly url: string;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly timeoutMs?: number | undefined;
  /** Tells the peer of the client, as the gateway has told this process; without it, the peer takes this process for the client. */
  readonly sign?: SignClientInfo | undefined;
}

export type PeerCaller = Pick<RequestContext, 'authorization' | 'requestId' | 'signal' | 'clientInfo'>;

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

const MAX_CONNECTIONS = 16;

/** Creates the client of a peer. */
export function createPeer({ name, url, metrics, log, timeoutMs = 3_000, sign }: PeerOptions): Peer {
  const upstream = createSpreadUpstream({
    name,
    url,
    log,
    timeoutMs,
    maxConnections: MAX_CONNECTIONS,
    onVerdict: (verdict, reason) => metrics.circuitVerdicts.inc({ subgraph: name, verdict, reason }),
  });
  return {
    async query<Data>(
      document: string,
      variables: Readonly<Record<string, unknown>>,
      caller: PeerCaller,
    ): Promise<Data> {
      const span = activeSpan()?.child(`fetch ${name}`, { kind: 'client', attributes: { 'taskgraph.subgraph': name } });
      const stop = metrics.peerDuration.startTimer({ peer: name });
      let answer: PeerAnswer;
      try {
        const { body } = await upstream.send({
          headers: {
            'content-type': 'application/json',
            [REQUEST_ID_HEADER]: caller.requestId,
            ...(sign && { [CLIENT_INFO_HEADER]: sign(whoAsks(caller), caller.requestId) }),
            ...(caller.authorization !== undefined && { authorization: caller.authorization }),
            ...(span && { [TRACEPARENT_HEADER]: span.traceparent }),
          },
          body: JSON.stringify({ query: document, variables }),
          idempotent: true,
          signal: caller.signal,
        });
        answer = body as PeerAnswer;
      } catch (error) {
        span?.fail(error);
        span?.end();
        stop({ outcome: 'unavailable' });
        throw toPeerUnavailable(name, error);
      }
      const failure = answer.errors?.[0];
      if (failure) span?.fail(failure.extensions);
      span?.end();
      stop({ outcome: failure ? 'error' : 'ok' });
      if (failure || answer.data == null) throw toPeerFault(name, failure);
      return answer.data as Data;
    },
    close: () => upstream.close(),
  };
}

/** A query opens no session: what a cookie is to be is of no use to it. */
function whoAsks({ clientInfo: { ipAddress, userAgent, clientName } }: PeerCaller): ClientInfo {
  return { ipAddress, userAgent, clientName };
}

interface PeerAnswer {
  readonly data?: unknown;
  readonly errors?: ReadonlyArray<{
    readonly message: string;
    readonly extensions?: { readonly code?: unknown; readonly reason?: string; readonly subgraph?: string };
  }>;
}

/** What kept a call from being answered; the caller's own reason stays as it is. */
function toPeerUnavailable(name: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!(error instanceof Fault)) return unavailable(name, error);
  const { message, reason, cause, details } = error;
  return new AppError('UNAVAILABLE', message, { reason, cause, extensions: details });
}

/** Codes about the viewer or about the peer's own dependencies pass; the rest is the peer's trouble, not the client's. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
]);

function toPeerFault(name: string, failure: NonNullable<PeerAnswer['errors']>[number] | undefined): AppError {
  const code = failure?.extensions?.code;
  if (failure && isErrorCode(code) && PASSED_ON.has(code)) {
    return new AppError(code, failure.message, {
      reason: failure.extensions?.reason,
      extensions: { subgraph: failure.extensions?.subgraph ?? name },
    });
  }
  return unavailable(name, new Error(failure?.message ?? 'the answer holds neither data nor errors'));
}
