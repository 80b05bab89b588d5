import { readExemption, type Rate } from '@taskgraph/service-kit';
import type { AuthConfig } from '../../config.js';
import type { SignInLimitsOptions } from './sign-in-limits.js';

/** How often one address may call what lets people in. */
export function toSignInLimits(config: AuthConfig): Pick<SignInLimitsOptions, 'rates' | 'isExempt'> {
  const rate = (given: Rate | null) => (config.RATE_LIMITS ? given : null);
  const rates = {
    registrations: rate(config.RATE_LIMIT_REGISTRATIONS),
    signIns: rate(config.RATE_LIMIT_SIGN_INS),
    refreshes: rate(config.RATE_LIMIT_REFRESHES),
    verifications: rate(config.RATE_LIMIT_VERIFICATIONS),
    tokenUses: rate(config.RATE_LIMIT_TOKEN_USES),
  };
  return { rates, isExempt: readExemption(config) };
}
