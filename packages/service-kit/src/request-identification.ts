import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cancellation, type CancelSignal } from '@taskgraph/federation-engine/upstream';
import { isRequestId, REQUEST_ID_HEADER, TRACE_ID_HEADER } from '@taskgraph/contracts';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { activeSpan } from './tracing/span.js';

/** What is learnt of a request first, and read later through {@link requestFacts}. */
export interface RequestFacts {
  readonly requestId: string;
  readonly log: Log;
  /** The log of the request with more about its viewer. */
  logOf(viewer: { readonly userId: string }): Log;
  /** Aborts when the client goes away before it has the whole answer. */
  readonly signal: AbortSignal;
  /** The same, for what needs no signal of the platform. */
  readonly cancellation: CancelSignal;
  /** Ends the work on the request, e.g. when its time is up. */
  readonly cancel: (reason: Error) => void;
  /** What the request is counted as: the pattern that matched, never the path itself, as a label must have few values. */
  route: string;
}

/** No object literal: one that defines getters is a slow object for V8. */
class IdentifiedFacts implements RequestFacts {
  readonly cancellation = new Cancellation();
  readonly cancel = (reason: Error) => this.cancellation.abort(reason);
  readonly #serviceLog: Log;
  #log: Log | null = null;

  constructor(
    readonly requestId: string,
    serviceLog: Log,
    public route: string,
  ) {
    this.#serviceLog = serviceLog;
  }

  /** Most requests write one line; the rest of them write none. */
  get log(): Log {
    return (this.#log ??= this.#serviceLog.child({ requestId: this.requestId }));
  }

  logOf(viewer: { readonly userId: string }): Log {
    return this.#serviceLog.child({ requestId: this.requestId, ...viewer });
  }

  get signal(): AbortSignal {
    return this.cancellation.signal;
  }
}

/** pino's number. */
const DEBUG = 20;

/** Where a request carries its facts. */
const FACTS = Symbol('request facts');

interface IdentifiedRequest extends IncomingMessage {
  [FACTS]?: RequestFacts;
}

/** @throws when the request was not identified: a defect of wiring */
export function requestFacts(request: IncomingMessage): RequestFacts {
  const facts = (request as IdentifiedRequest)[FACTS];
  if (!facts) throw new Error('the request was not identified');
  return facts;
}

/**
 * Gives a request an id (its own when well formed), a log that names it, and a signal that ends with it; measures it when
 * its response is out.
 */
export function identifyRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { log, metrics, route }: { log: Log; metrics: Metrics; route: string },
): RequestFacts {
  const startedAt = performance.now();
  const given = request.headers[REQUEST_ID_HEADER];
  const requestId = isRequestId(given) ? given : randomUUID();
  response.setHeader(REQUEST_ID_HEADER, requestId);
  const span = activeSpan();
  span?.set({ 'taskgraph.request.id': requestId });
  if (span) response.setHeader(TRACE_ID_HEADER, span.traceId);
  const facts = new IdentifiedFacts(requestId, log, route);
  (request as IdentifiedRequest)[FACTS] = facts;
  response.once('close', () => {
    const finished = response.writableFinished;
    if (!finished) facts.cancellation.abort(new Error('the client went away'));
    const durationMs = performance.now() - startedAt;
    const { method = '' } = request;
    const { route: calledRoute } = facts;
    const status = finished ? String(response.statusCode) : 'aborted';
    if (span) {
      span.rename(`${method} ${calledRoute}`);
      span.set({ 'http.route': calledRoute });
    }
    metrics.httpDuration.observe(durationMs / 1000, method, calledRoute, status);
    const isRefused = finished && response.statusCode >= 400;
    if (!isRefused && log.levelVal > DEBUG) return;
    const line = { method, route: calledRoute, status, durationMs: Math.round(durationMs * 10) / 10 };
    if (isRefused) facts.log.info(line, 'request refused');
    else facts.log.debug(line, 'request');
  });
  return facts;
}
