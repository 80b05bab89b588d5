import type { AuthConfig } from '../../config.js';
import type { StrengthChecksOptions } from './strength-checks.js';

/** How many new passwords are judged at once, and how long that may take. */
export function toStrengthChecks(
  config: AuthConfig,
): Pick<StrengthChecksOptions, 'threads' | 'maxWaiting' | 'timeoutMs'> {
  return {
    threads: config.PASSWORD_CHECK_THREADS,
    maxWaiting: config.PASSWORD_CHECK_MAX_WAITING,
    timeoutMs: config.PASSWORD_CHECK_TIMEOUT_MS,
  };
}
