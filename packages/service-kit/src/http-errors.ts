import type { ServerResponse } from 'node:http';
import { ERROR_CODES, REQUEST_ID_HEADER, type ErrorCode } from '@taskgraph/contracts';
import { AppError } from './app-error.js';
import { UnreadableBody } from './json-body.js';
import type { Log } from './log.js';
import { sendBody } from './send-body.js';
import { UnreadableMultipart } from './uploads/upload-map.js';

/** How an error is told outside GraphQL. */
interface HttpError {
  readonly code: ErrorCode;
  readonly message: string;
  /** Beside the code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends an error in the form of those of GraphQL. */
export function sendHttpError(
  response: ServerResponse,
  status: number,
  { code, message, extensions, headers }: HttpError,
): void {
  const body = JSON.stringify({ errors: [{ message, extensions: { code, ...extensions } }] });
  sendBody(response, status, { ...headers, 'content-type': 'application/json; charset=utf-8' }, body);
}

/**
 * Answers what fails outside GraphQL: a body that is too large or is no JSON, a fault with its code, and whatever was thrown that nobody
 * expected, which is logged. An answer that has begun is cut off.
 */
export function answerHttpError(error: unknown, response: ServerResponse, log: Log): void {
  if (error instanceof AppError && !response.headersSent) {
    const { logLevel, httpStatus } = ERROR_CODES[error.code];
    const { code, reason, message } = error;
    log[logLevel]({ code, reason }, message);
    return sendHttpError(response, httpStatus, { code, message, extensions: { reason } });
  }
  if (error instanceof UnreadableMultipart && !response.headersSent) {
    const { status, message } = error;
    log.info({ status, message }, 'multipart request refused');
    return sendHttpError(response, status, { code: 'BAD_REQUEST', message, extensions: { reason: 'MULTIPART' } });
  }
  const given = (error as { status?: unknown } | null)?.status;
  const status = typeof given === 'number' && given >= 400 && given < 500 ? given : 500;
  if (status === 500) log.error({ err: error }, 'defect');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
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
  if (status === 500) {
    const requestId = response.getHeader(REQUEST_ID_HEADER);
    return sendHttpError(response, status, { code: 'INTERNAL_SERVER_ERROR', message, extensions: { requestId } });
  }
  // What is left of a body that was not read would be taken for the next request.
  const headers = status === 413 ? { connection: 'close' } : {};
  sendHttpError(response, status, { code: 'BAD_REQUEST', message, headers });
}

/** Answers what is asked of a path that nothing answers, in the form of all other errors. */
export function answerNothingHere(response: ServerResponse): void {
  sendHttpError(response, 404, { code: 'NOT_FOUND', message: 'There is nothing at this path.' });
}
