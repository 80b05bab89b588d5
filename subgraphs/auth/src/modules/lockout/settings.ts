import type { AuthConfig } from '../../config.js';
import type { LockoutOptions } from './service.js';

/** After how many failures there is a pause, and how long. */
export function toLockout(config: AuthConfig): Pick<LockoutOptions, 'limits' | 'firstLockMs' | 'maxLockMs'> {
  return {
    limits: {
      perAccountAndNetwork: config.LOGIN_MAX_FAILURES,
      perAccount: config.LOGIN_MAX_FAILURES_PER_ACCOUNT,
      perNetwork: config.LOGIN_MAX_FAILURES_PER_NETWORK,
    },
    firstLockMs: config.LOGIN_LOCK_SECONDS * 1000,
    maxLockMs: config.LOGIN_MAX_LOCK_SECONDS * 1000,
  };
}
