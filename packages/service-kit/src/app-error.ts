import type { ErrorCode } from '@taskgraph/contracts';

export interface AppErrorDetails {
  /** Refines the code, UPPER_SNAKE. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
  /** Further members of `errors[].extensions`; must be safe to show to a client. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** A fault: the request cannot be served, for a reason that the client may know. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, { reason, cause, extensions }: AppErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AppError';
    this.code = code;
    this.reason = reason;
    this.details = extensions ?? {};
  }
}

/** The same answer for a thing that does not exist and for one that the viewer may not see. */
export function notFound(what: string): AppError {
  return new AppError('NOT_FOUND', `${what} not found.`);
}

export function forbidden(message: string, reason?: string): AppError {
  return new AppError('FORBIDDEN', message, { reason });
}

export function badUserInput(
  message: string,
  reason?: string,
  extensions?: Readonly<Record<string, unknown>>,
): AppError {
  return new AppError('BAD_USER_INPUT', message, { reason, extensions });
}

export function conflict(message: string, reason?: string): AppError {
  return new AppError('CONFLICT', message, { reason });
}

export function unauthenticated(reason: string, message = 'Sign in to do this.'): AppError {
  return new AppError('UNAUTHENTICATED', message, { reason });
}

/** A peer, named as in the supergraph, cannot be reached. */
export function unavailable(subgraph: string, cause?: unknown, reason?: string): AppError {
  return new AppError('UNAVAILABLE', `The ${subgraph} service is unavailable. Try again shortly.`, {
    cause,
    reason,
    extensions: { subgraph },
  });
}
