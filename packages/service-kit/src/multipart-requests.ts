import type { ErrorCode } from '@taskgraph/contracts';
import type { Request, RequestHandler, Response } from 'express';
import { processRequest } from 'graphql-upload-minimal';
import type { Readable } from 'node:stream';
import type { Log } from './log.js';

export interface MultipartLimits {
  readonly maxFiles: number;
  /** Of one file; what is longer is cut, and its stream emits `limit`. */
  readonly maxFileBytes?: number;
  /** Of the `operations` and `map` fields. */
  readonly maxFieldBytes?: number;
  readonly log: Log;
}

/** How long a client that already has its answer may take to send the rest of its body. */
const DRAIN_TIMEOUT_MS = 10_000;

/**
 * Reads GraphQL multipart requests up to their first file; files stream when the resolver asks for them. Other requests
 * pass untouched.
 */
export function multipartRequests({
  maxFiles,
  maxFileBytes,
  maxFieldBytes = 1_000_000,
  log,
}: MultipartLimits): RequestHandler {
  return (request, response, next) => {
    if (!request.is('multipart/form-data')) {
      next();
      return;
    }
    response.once('finish', () => drain(request));
    const limits = {
      maxFiles,
      maxFieldSize: maxFieldBytes,
      ...(maxFileBytes !== undefined && { maxFileSize: maxFileBytes }),
    };
    guardParser(request);
    processRequest(request, response, limits).then(
      (body) => {
        request.body = body;
        next();
      },
      (error: unknown) => refuse(response, error, log),
    );
  };
}

/**
 * Listens for every error of the parser and of its files: it emits one more when it is destroyed because of the first, and an error
 * that nobody listens for ends the process.
 */
function guardParser(request: Request): void {
  const pipe = request.pipe.bind(request);
  request.pipe = (parser, options) => {
    parser.on('error', () => undefined);
    parser.on('file', (_name, file: Readable) => void file.on('error', () => undefined));
    return pipe(parser, options);
  };
}

function refuse(response: Response, error: unknown, log: Log): void {
  if (response.headersSent || response.destroyed) return;
  const given = (error as { status?: unknown }).status;
  // Whatever the parser says is about the request; it throws for nothing of ours.
  const status = typeof given === 'number' && given < 500 ? given : 400;
  const code: ErrorCode = 'BAD_REQUEST';
  const message = error instanceof Error ? error.message : 'The multipart request cannot be read.';
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
