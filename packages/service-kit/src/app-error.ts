import type { ErrorCode } from '@taskgraph/contracts';
import { Fault, type FaultDetails } from '@taskgraph/federation-engine/upstream';

/** A fault of the table in `contracts`: the request cannot be served, for a reason that the client may know. */
export class AppError extends Fault {
  declare readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, details: FaultDetails = {}) {
    super(code, message, details);
    this.name = 'AppError';
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

export function unauthenticated(reason: string, message = 'Sign in to do this.'): AppError {
  return new AppError('UNAUTHENTICATED', message, { reason });
}

/** The viewer has no account any more: it was deleted while this request ran. */
export function accountGone(): AppError {
  return unauthenticated('SESSION_REVOKED', 'This account is gone.');
}

/** A peer, named as in the supergraph, cannot be reached. */
export function unavailable(subgraph: string, cause?: unknown, reason?: string): AppError {
  return new AppError('UNAVAILABLE', `The ${subgraph} service is unavailable. Try again shortly.`, {
    cause,
    reason,
    extensions: { subgraph },
  });
}
