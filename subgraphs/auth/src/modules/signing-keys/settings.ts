import { days } from '@taskgraph/service-kit';
import type { AuthConfig } from '../../config.js';
import type { KeyRingOptions } from './key-ring.js';
import type { TokenIssuerOptions } from './token-issuer.js';

/** When the signing key gets a successor. */
export function toKeyRing(config: AuthConfig): Pick<KeyRingOptions, 'rotateAfterMs'> {
  return { rotateAfterMs: config.KEY_ROTATION_DAYS > 0 ? days(config.KEY_ROTATION_DAYS) : null };
}

/** Issuer and audience of access tokens, and how long they are good. */
export function toTokenIssuer(config: AuthConfig): Omit<TokenIssuerOptions, 'keyRing'> {
  return {
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    lifetimeSeconds: config.ACCESS_TOKEN_LIFETIME_SECONDS,
  };
}
