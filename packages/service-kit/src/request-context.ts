import type { Role } from '@taskgraph/contracts';
import { unauthenticated, unavailable, type AppError } from './app-error.js';
import type { ClientInfo } from './client-info.js';
import type { Log } from './log.js';

/** The user in whose name an operation runs: the verified claims of an access token. */
export interface Viewer {
  readonly userId: string;
  readonly sessionId: string;
  readonly role: Role;
  readonly scopes: readonly string[];
}

/** Why a token that came with the request was not accepted. */
export type TokenProblem = 'TOKEN_EXPIRED' | 'TOKEN_INVALID' | 'SESSION_REVOKED' | 'JWKS_UNAVAILABLE';

/** What one execution carries in every subgraph; each adds its loaders and database to it. */
export interface RequestContext {
  readonly requestId: string;
  readonly log: Log;
  /** Null for an anonymous request, and for one whose token was refused (see `tokenProblem`). */
  readonly viewer: Viewer | null;
  readonly tokenProblem: TokenProblem | null;
  /** The Authorization header as it came, for calls to peers in the viewer's name. */
  readonly authorization: string | undefined;
  /** Aborts when the client goes away: no resolver is begun then, and what one waits for may be given up. */
  readonly signal: AbortSignal;
  /** Until when somebody waits for the answer, in milliseconds since the epoch; absent where nobody has said. */
  readonly deadline?: number;
  /** Of what the request wants made: see `idempotency.ts`. Absent where its client has sent none. */
  readonly idempotencyKey?: string | null;
  /** The gateway's word for mutations, and for what administrators read; else the connection's. */
  readonly clientInfo: ClientInfo;
  /** Of a subscription that resumes: the last event that the client has. */
  readonly lastEventId?: string | undefined;
}

/** The fault of a request without an accepted token, saying why it has none. */
export function missingViewer({ tokenProblem }: Pick<RequestContext, 'tokenProblem'>): AppError {
  switch (tokenProblem) {
    case 'TOKEN_EXPIRED':
      return unauthenticated(tokenProblem, 'The access token has expired. Refresh the session and try again.');
    case 'TOKEN_INVALID':
      return unauthenticated(tokenProblem, 'The access token is not valid. Sign in again.');
    case 'SESSION_REVOKED':
      return unauthenticated(tokenProblem, 'This session has ended. Log in again.');
    case 'JWKS_UNAVAILABLE':
      // Not the client's fault: told UNAUTHENTICATED it would throw a good token away.
      return unavailable('auth', undefined, tokenProblem);
    case null:
      return unauthenticated('TOKEN_MISSING', 'Sign in to do this: send an access token in the Authorization header.');
  }
}

/** @throws AppError UNAUTHENTICATED when nobody is signed in */
export function requireViewer(context: Pick<RequestContext, 'viewer' | 'tokenProblem'>): Viewer {
  if (!context.viewer) throw missingViewer(context);
  return context.viewer;
}
