import type { AuthConfig } from '../../config.js';
import type { AuthContext } from '../../context.js';
import type { RevocationsOptions } from './revocations.js';

/** How long access tokens outlive their session, and how often other processes are asked. */
export function toRevocations(config: AuthConfig): Pick<RevocationsOptions, 'accessTokenLifetimeSeconds' | 'pollMs'> {
  return { accessTokenLifetimeSeconds: config.ACCESS_TOKEN_LIFETIME_SECONDS, pollMs: config.REVOCATION_POLL_MS };
}

/** How long sessions, proofs of the password and exchanged tokens are good. */
export function toSessionTimes(
  config: AuthConfig,
): Pick<AuthContext, 'sessionLifetimeMs' | 'reauthenticationMaxAgeMs' | 'refreshLeewayMs'> {
  return {
    sessionLifetimeMs: config.SESSION_LIFETIME_SECONDS * 1000,
    reauthenticationMaxAgeMs: config.REAUTHENTICATION_MAX_AGE_SECONDS * 1000,
    refreshLeewayMs: config.REFRESH_LEEWAY_SECONDS * 1000,
  };
}
