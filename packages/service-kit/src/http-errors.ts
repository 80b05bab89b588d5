import type { ServerResponse } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import type { Log } from './log.js';
import { sendBody } from './send-body.js';

/** Answers what fails before GraphQL: a body that is too large or is no JSON. */
export function answerHttpError(error: unknown, response: ServerResponse, log: Log): void {
  const given = (error as { status?: unknown } | null)?.status;
  const status = typeof given === 'number' && given >= 400 && given < 500 ? given : 500;
  if (status === 500) log.error({ err: error }, 'defect');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const code = status === 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST';
  const message =
    status === 413
      ? 'The request body is too large.'
      : status < 500
        ? 'The request body cannot be read.'
        : 'Something went wrong on our side.';
  // What is left of a body that was not read would be taken for the next request.
  const headers = { 'content-type': 'application/json; charset=utf-8', ...(status === 413 && { connection: 'close' }) };
  sendBody(response, status, headers, JSON.stringify({ errors: [{ message, extensions: { code } }] }));
}

/** {@link answerHttpError} for what passes through Express. */
export function httpErrors(log: Log): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => answerHttpError(error, response, log);
}
