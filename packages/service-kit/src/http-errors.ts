import type { ServerResponse } from 'node:http';
import { ERROR_CODES, REQUEST_ID_HEADER, type ErrorCode } from '@taskgraph/contracts';
import { AppError } from './app-error.js';
import { UnreadableBody } from './json-body.js';
import type { Log } from './log.js';
import { sendBody } from './send-body.js';
import { UnreadableMultipart } from './uploads/upload-map.js';

/**
 * Answers what fails outside GraphQL: a body that is too large or is no JSON, a fault with its code, and whatever was thrown that nobody
 * expected, which is logged. An answer that has begun is cut off.
 */
export function answerHttpError(error: unknown, response: ServerResponse, log: Log): void {
  if (error instanceof AppError && !response.headersSent) {
    const { logLevel, httpStatus } = ERROR_CODES[error.code];
    log[logLevel]({ code: error.code, reason: error.reason }, error.message);
    const { code, reason, message } = error;
    const body = { errors: [{ message, extensions: { code, ...(reason !== undefined && { reason }) } }] };
    sendBody(response, httpStatus, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(body));
    return;
  }
  if (error instanceof UnreadableMultipart && !response.headersSent) {
    const { status, message } = error;
    log.info({ status, message }, 'multipart request refused');
    const code: ErrorCode = 'BAD_REQUEST';
    const body = { errors: [{ message, extensions: { code, reason: 'MULTIPART' } }] };
    sendBody(response, status, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(body));
    return;
  }
  const given = (error as { status?: unknown } | null)?.status;
  const status = typeof given === 'number' && given >= 400 && given < 500 ? given : 500;
  if (status === 500) log.error({ err: error }, 'defect');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const code = status === 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST';
  const message =
    error instanceof UnreadableBody
      ? error.message
      : status === 415
        ? 'Send the request as application/json, in UTF-8.'
        : status === 413
          ? 'The request body is too large.'
          : status < 500
            ? 'The request body cannot be read.'
            : 'Something went wrong on our side.';
  // What is left of a body that was not read would be taken for the next request.
  const requestId = response.getHeader(REQUEST_ID_HEADER);
  const extensions = { code, ...(status === 500 && { requestId }) };
  const headers = { 'content-type': 'application/json; charset=utf-8', ...(status === 413 && { connection: 'close' }) };
  sendBody(response, status, headers, JSON.stringify({ errors: [{ message, extensions }] }));
}

/** Answers what is asked of a path that nothing answers, in the form of all other errors. */
export function answerNothingHere(response: ServerResponse): void {
  const body = { errors: [{ message: 'There is nothing at this path.', extensions: { code: 'NOT_FOUND' } }] };
  sendBody(response, 404, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(body));
}
