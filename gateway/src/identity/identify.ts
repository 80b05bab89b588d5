import {
  createRemoteJwks,
  createTokenVerifier,
  type AcceptedToken,
  type JwksSource,
  type Log,
  type RevocationList,
} from '@taskgraph/service-kit';
import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';

export interface Identify {
  (authorization: string | undefined): Promise<Identity>;
  /** The same, where it is known without waiting; null otherwise. */
  atOnce(authorization: string | undefined): Identity | null;
  /** Whether an identity is still believed: the key that has signed the token may have left the set. */
  stillHolds(identity: Identity): Promise<boolean>;
  /** Whether the session of an identity has ended. */
  isRevoked(identity: Identity): boolean;
  /** Calls back after sessions have ended. */
  onRevocation(listener: () => void): void;
}

interface IdentifyOptions {
  /** Null when this gateway verifies no tokens. */
  readonly jwksUrls: readonly string[] | null;
  readonly jwks?: JwksSource | undefined;
  /** Null when nobody tells of sessions that have ended. */
  readonly revocations: RevocationList | null;
  readonly issuer: string;
  readonly audience: string;
  readonly log: Log;
}

/** RFC 9110, 5.5: what may stand in a header. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What servers take of one header; a token is far shorter. */
const MAX_HEADER_CHARACTERS = 8_192;
const INVALID: Identity = { kind: 'refused', problem: 'TOKEN_INVALID' };

/**
 * Creates the stage that finds out which viewer a request is of. It never throws: a bad token makes the request anonymous, with a reason.
 *
 * Where this gateway verifies no tokens, it still refuses what cannot be forwarded as a header: credentials also come in
 * messages, where they may hold anything.
 */
export function createIdentify({ jwksUrls, jwks, revocations, issuer, audience, log }: IdentifyOptions): Identify {
  const source = jwks ?? (jwksUrls === null ? null : createRemoteJwks({ url: jwksUrls, log }));
  if (!source) {
    const atOnce = (authorization: string | undefined): Identity =>
      isForwardable(authorization) ? { kind: 'unverified' } : INVALID;
    const identify = async (authorization: string | undefined) => atOnce(authorization);
    return Object.assign(identify, {
      atOnce,
      stillHolds: async () => true,
      isRevoked: () => false,
      onRevocation: () => undefined,
    });
  }
  const verifier = createTokenVerifier({ jwks: source, issuer, audience, revocations: revocations ?? undefined });
  return Object.assign((authorization: string | undefined) => verifier.verifyAuthorization(authorization), {
    atOnce: (authorization: string | undefined) => verifier.knownAuthorization(authorization),
    isRevoked: (identity: Identity) =>
      identity.kind === 'accepted' && verifier.isRevoked((identity as AcceptedToken).viewer.sessionId),
    onRevocation: (listener: () => void) => void verifier.onRevocation(listener),
    stillHolds: async (identity: Identity) =>
      identity.kind !== 'accepted' || verifier.stillHolds(identity as AcceptedToken),
  });
}

function isForwardable(authorization: string | undefined): boolean {
  return (
    authorization === undefined || (authorization.length <= MAX_HEADER_CHARACTERS && FIELD_VALUE.test(authorization))
  );
}
