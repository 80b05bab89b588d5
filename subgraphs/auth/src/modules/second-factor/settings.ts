import type { AuthConfig } from '../../config.js';
import type { AuthContext } from '../../context.js';
import { createKeyEncryption } from '../../key-encryption.js';
import type { TotpVaultOptions } from './vault.js';

/** Under which secret those of authenticators lie. */
export function toTotpVault(config: AuthConfig): Pick<TotpVaultOptions, 'encryption' | 'renews'> {
  const { AUTH_KEY_ENCRYPTION_SECRET: secret, AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: previous } = config;
  return { encryption: createKeyEncryption(secret, previous, 'totp'), renews: previous !== undefined };
}

/** How authenticators name this installation, and how long a login waits for their code. */
export function toSecondFactor(config: AuthConfig): Pick<AuthContext, 'secondFactorName' | 'challengeLifetimeMs'> {
  return {
    secondFactorName: config.SECOND_FACTOR_NAME,
    challengeLifetimeMs: config.SECOND_FACTOR_CHALLENGE_SECONDS * 1000,
  };
}
