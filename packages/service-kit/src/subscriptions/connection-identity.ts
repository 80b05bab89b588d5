import { randomUUID } from 'node:crypto';
import { isRequestId } from '@taskgraph/contracts';
import type { TokenProblem, Viewer } from '../request-context.js';
import type { TokenVerifier } from '../token-verifier.js';

/** `USER_CHANGED`: the token is good, but another user's, or there is none any more. */
type IdentityProblem = TokenProblem | 'USER_CHANGED';

export type Admission = { readonly kind: 'admitted' } | { readonly kind: 'refused'; readonly problem: IdentityProblem };

/** The identity at the other end of a WebSocket, as its `connection_init` messages say. */
export interface ConnectionIdentity {
  readonly requestId: string;
  /** Null for an anonymous connection. */
  readonly viewer: Viewer | null;
  /** As an HTTP request would carry it. */
  readonly authorization: string | undefined;
  /** Reads the payload of the first `connection_init`. */
  admit(payload: unknown): Promise<Admission>;
  /** Reads the payload of a later one: a new token of the same user. What was admitted before stays when it is refused. */
  renew(payload: unknown): Promise<Admission>;
  /** Forgets the time at which the token expires. */
  stop(): void;
}

/** setTimeout knows no longer one; access tokens live for minutes. */
const MAX_TIMER_MS = 2_147_483_647;

/** @param onExpired called when the token that was accepted last is over */
export function createConnectionIdentity(verifier: TokenVerifier, onExpired: () => void): ConnectionIdentity {
  let expiry: NodeJS.Timeout | undefined;
  let isStopped = false;
  const identity = {
    requestId: randomUUID() as string,
    viewer: null as Viewer | null,
    authorization: undefined as string | undefined,
    async admit(payload: unknown): Promise<Admission> {
      const requestId = member(payload, 'requestId');
      if (isRequestId(requestId)) identity.requestId = requestId;
      return take(payload, () => true);
    },
    async renew(payload: unknown): Promise<Admission> {
      return take(payload, (userId) => userId === identity.viewer?.userId);
    },
    stop() {
      isStopped = true;
      clearTimeout(expiry);
    },
  };

  async function take(payload: unknown, isAllowed: (userId: string | undefined) => boolean): Promise<Admission> {
    const authorization = member(payload, 'authorization') ?? undefined;
    if (authorization !== undefined && typeof authorization !== 'string')
      return { kind: 'refused', problem: 'TOKEN_INVALID' };
    const outcome = await verifier.verifyAuthorization(authorization);
    if (outcome.kind === 'refused') return outcome;
    const accepted = outcome.kind === 'accepted' ? outcome : null;
    if (!isAllowed(accepted?.viewer.userId)) return { kind: 'refused', problem: 'USER_CHANGED' };
    if (accepted) {
      identity.viewer = accepted.viewer;
      identity.authorization = authorization;
      clearTimeout(expiry);
      const remainingMs = Math.max(0, accepted.claims.exp * 1000 - Date.now());
      // The client may have gone while the token was being verified.
      if (!isStopped) expiry = setTimeout(onExpired, Math.min(remainingMs, MAX_TIMER_MS)).unref();
    }
    return { kind: 'admitted' };
  }

  return identity;
}

function member(payload: unknown, name: string): unknown {
  return typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>)[name] : undefined;
}
