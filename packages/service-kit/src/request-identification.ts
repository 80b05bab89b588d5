import { randomUUID } from 'node:crypto';
import { isRequestId, REQUEST_ID_HEADER } from '@taskgraph/contracts';
import type { Request, RequestHandler, Response } from 'express';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';

/** What the first middleware learns of a request and later ones read through {@link requestFacts}. */
export interface RequestFacts {
  readonly requestId: string;
  readonly log: Log;
  /** Aborts when the client goes away before it has the whole answer. */
  readonly signal: AbortSignal;
}

const factsOf = new WeakMap<Request, RequestFacts>();

/** @throws when the request did not pass {@link requestIdentification}: a defect of wiring */
export function requestFacts(request: Request): RequestFacts {
  const facts = factsOf.get(request);
  if (!facts) throw new Error('the request was not identified');
  return facts;
}

/** Gives every request an id (its own when well formed), a log that names it, and a signal that ends with it. */
export function requestIdentification(log: Log, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const given = request.headers[REQUEST_ID_HEADER];
    const requestId = isRequestId(given) ? given : randomUUID();
    response.setHeader(REQUEST_ID_HEADER, requestId);
    const gone = new AbortController();
    const requestLog = log.child({ requestId });
    factsOf.set(request, { requestId, log: requestLog, signal: gone.signal });
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client went away'));
      observe(request, response, performance.now() - startedAt, requestLog, metrics);
    });
    next();
  };
}

function observe(request: Request, response: Response, durationMs: number, log: Log, metrics: Metrics): void {
  const route = routeLabel(request);
  const status = response.writableFinished ? String(response.statusCode) : 'aborted';
  metrics.httpDuration.observe({ method: request.method, route, status }, durationMs / 1000);
  log.debug({ method: request.method, route, status, durationMs: Math.round(durationMs * 10) / 10 }, 'request');
}

/** The pattern that matched, never the path itself: a label must have few values. */
function routeLabel(request: Request): string {
  const pattern: unknown = request.route ? (request.route as { path?: unknown }).path : undefined;
  if (typeof pattern === 'string') return pattern;
  return request.baseUrl === '' ? 'other' : request.baseUrl;
}
