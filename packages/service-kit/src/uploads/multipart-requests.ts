import type { ErrorCode } from '@taskgraph/contracts';
import type { Request, RequestHandler, Response } from 'express';
import { assertReadable } from '../json-body.js';
import type { Log } from '../log.js';
import { readMultipart, type MultipartLimits } from './read-multipart.js';
import { UnreadableMultipart } from './upload-map.js';
import type { UploadSpool } from './upload-spool.js';

export interface MultipartRequestsOptions extends Partial<MultipartLimits> {
  readonly maxFiles: number;
  /** For files that cannot be read while they arrive. */
  readonly spool: UploadSpool;
  readonly log: Log;
}

const MAX_FIELD_BYTES = 1_000_000;
/** How long a client that already has its answer may take to send the rest of its body. */
const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Reads GraphQL multipart requests up to where their operation is known; files stream when the resolver asks for them. Other
 * requests pass untouched.
 */
export function multipartRequests({ spool, log, ...given }: MultipartRequestsOptions): RequestHandler {
  const limits = { maxFileBytes: Infinity, maxFieldBytes: MAX_FIELD_BYTES, ...given };
  return (request, response, next) => {
    if (!request.is('multipart/form-data')) {
      next();
      return;
    }
    assertReadable(request);
    const multipart = readMultipart(request, limits, spool);
    response.once('finish', () => drain(request));
    response.once('close', () => multipart.release());
    multipart.operations.then(
      (body) => {
        request.body = body;
        next();
      },
      (error: unknown) => answerUnreadable(response, error, next, log),
    );
  };
}

function answerUnreadable(response: Response, error: unknown, next: (error: unknown) => void, log: Log): void {
  if (response.headersSent || response.destroyed) return;
  if (!(error instanceof UnreadableMultipart)) {
    next(error);
    return;
  }
  const { status, message } = error;
  const code: ErrorCode = 'BAD_REQUEST';
  log.info({ status, message }, 'multipart request refused');
  response.status(status).json({ errors: [{ message, extensions: { code, reason: 'MULTIPART' } }] });
}

/** A body that nobody reads any more would block its connection for the next request. */
function drain(request: Request): void {
  if (request.readableEnded || request.destroyed) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_TIMEOUT_MS).unref();
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}
