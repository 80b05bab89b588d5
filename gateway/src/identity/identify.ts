import { createRemoteJwks, createTokenVerifier, type JwksSource, type Log } from '@taskgraph/service-kit';
import type { Identity } from '../context.js';

export type Identify = (authorization: string | undefined) => Promise<Identity>;

export interface IdentifyOptions {
  /** Null when this gateway verifies no tokens. */
  readonly jwksUrl: string | null;
  readonly jwks?: JwksSource | undefined;
  readonly issuer: string;
  readonly audience: string;
  readonly log: Log;
}

/** Creates the stage that tells who asks. It never throws: a bad token makes the request anonymous, with a reason. */
export function createIdentify({ jwksUrl, jwks, issuer, audience, log }: IdentifyOptions): Identify {
  const source = jwks ?? (jwksUrl === null ? null : createRemoteJwks({ url: jwksUrl, log }));
  if (!source) return async () => ({ kind: 'unverified' });
  const verifier = createTokenVerifier({ jwks: source, issuer, audience });
  return (authorization) => verifier.verifyAuthorization(authorization);
}
