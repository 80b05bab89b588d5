import { ERROR_CODES, isErrorCode, REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { sendBody, type RefusalForm } from '@taskgraph/service-kit';
import type { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import type { ServerResponse } from 'node:http';
import type { GraphQLFormattedError } from 'graphql';

/** What is wrong with one place of a request. */
export interface FieldError {
  /** A JSON Pointer into the body, or the name of a parameter. */
  readonly in: 'body' | 'query' | 'header';
  readonly at: string;
  readonly detail: string;
}

/** A request that is not served (RFC 9457), and why. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly errors?: readonly FieldError[];
      /** Further members. */
      readonly members?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(detail);
    this.name = 'Problem';
  }
}

export const BAD_TAGS = 'If-Match and If-None-Match hold tags in quotes, or *.';
export const PROBLEM_TYPE = 'application/problem+json';

/** The problems that a union of the graph may answer, and their statuses. What is not here is 422. */
const STATUSES: Readonly<Record<string, number>> = {
  EMAIL_TAKEN: 409,
  WEAK_PASSWORD: 422,
  SECOND_FACTOR_REQUIRED: 403,
  INVALID_CREDENTIALS: 401,
  INVALID_CODE: 401,
  INVALID_REFRESH_TOKEN: 401,
  ACCOUNT_LOCKED: 423,
  STALE_VERSION: 412,
  MEDIA_NOT_FOUND: 422,
  MEDIA_NOT_READY: 409,
  UNSUPPORTED_MEDIA_TYPE: 415,
  MEDIA_TOO_LARGE: 413,
  INVALID_IMAGE: 422,
  QUOTA_EXCEEDED: 413,
};

const STATUS_OF_REASON: Readonly<Record<string, number>> = { UPLOAD_TOO_LARGE: 413 };
const UNAUTHENTICATED = 401;
/** A token was sent, and another would do (RFC 6750, section 3.1); to a client that has sent none, nothing more is told. */
const INVALID_TOKEN: ReadonlySet<string> = new Set(['TOKEN_EXPIRED', 'TOKEN_INVALID', 'SESSION_REVOKED']);
const CHALLENGE = 'Bearer realm="taskgraph"';

/** `EmailTakenProblem` is the code `EMAIL_TAKEN`. */
export function codeOfType(typename: string): string {
  return typename
    .replace(/Problem$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
}

export function statusOfCode(code: string): number {
  return isErrorCode(code) ? ERROR_CODES[code].httpStatus : (STATUSES[code] ?? 422);
}

/** A member of a result's union that is no success. */
export function problemOfUnion(value: Readonly<Record<string, unknown>>): Problem {
  const { __typename, message, ...members } = value;
  const code = codeOfType(String(__typename));
  const { retryAfter } = members;
  const detail = typeof message === 'string' ? message : 'The account asks for a second factor.';
  return new Problem(statusOfCode(code), code, detail, {
    members,
    ...(typeof retryAfter === 'number' && { headers: { 'retry-after': String(retryAfter) } }),
  });
}

/** An error of GraphQL, with its code. */
export function problemOfError(
  { message, extensions = {} }: GraphQLFormattedError,
  status: number | null = null,
): Problem {
  const { code: given, ...members } = extensions;
  const code = typeof given === 'string' ? given : 'INTERNAL_SERVER_ERROR';
  const ofReason = STATUS_OF_REASON[String(members['reason'])];
  const found = ofReason ?? status ?? (isErrorCode(code) ? ERROR_CODES[code].httpStatus : 500);
  const { retryAfter } = members;
  // Where the graph itself asks for a viewer, the reason is that there has to be one, and the cause what was wrong with the token.
  const why = [members['reason'], members['cause']].map(String);
  const isInvalidToken = code === 'UNAUTHENTICATED' && why.some((each) => INVALID_TOKEN.has(each));
  return new Problem(found, code, message, {
    members,
    headers: {
      ...(typeof retryAfter === 'number' && { 'retry-after': String(retryAfter) }),
      ...(isInvalidToken && { 'www-authenticate': `${CHALLENGE}, error="invalid_token"` }),
    },
  });
}

export function problemOfRefusal({ errors, status, code, headers, message }: Refusal): Problem {
  const problem = problemOfError(errors[0] ?? { message, extensions: { code } }, status);
  return new Problem(problem.status, problem.code, problem.message, {
    ...problem.more,
    headers: { ...headers, ...problem.more.headers },
  });
}

/** Sends a problem, unless an answer has begun: that is cut off. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { status, more } = problem;
  const headers = {
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    ...(status === UNAUTHENTICATED && { 'www-authenticate': CHALLENGE }),
    // What is left of a body that was not read would be taken for the next request.
    ...(status === 413 && { connection: 'close' }),
    ...more.headers,
  };
  sendBody(response, status, headers, writeProblem(problem, response.getHeader(REQUEST_ID_HEADER)));
}

/** Tells in the façade's form what is refused before anything knows which route it is for: most often no log has it, by no id. */
export const refusalAsProblem: RefusalForm = (status, message, requestId) => ({
  type: PROBLEM_TYPE,
  body: writeProblem(new Problem(status, status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST', message), requestId),
});

function writeProblem({ status, code, message, more }: Problem, requestId?: unknown): string {
  return JSON.stringify({
    ...more.members,
    type: `urn:taskgraph:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    requestId,
    ...(more.errors && { errors: more.errors }),
  });
}

function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
