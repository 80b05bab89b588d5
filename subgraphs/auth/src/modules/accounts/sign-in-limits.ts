import { createHash } from 'node:crypto';
import {
  AppError,
  networkOf,
  type Rate,
  type RateLimiter,
  type RateLimits,
  type RequestContext,
} from '@taskgraph/service-kit';

/** How often what lets people in may be called from one address; null for as often as they like. */
export interface SignInRates {
  /** Accounts opened. */
  readonly registrations: Rate | null;
  /** Passwords tried, right ones too: each takes a computer's time. Wrong ones are the business of the lockout as well. */
  readonly signIns: Rate | null;
  /** Sessions renewed. */
  readonly refreshes: Rate | null;
  /** Addresses confirmed by links of mails. */
  readonly verifications: Rate | null;
  /** One token of these two kinds, from wherever it comes. Each is good once, so a family of refresh tokens has one at a time. */
  readonly tokenUses: Rate | null;
}

export interface SignInLimitsOptions {
  readonly rates: SignInRates;
  readonly limits: RateLimits;
  /** Addresses that are not limited. */
  readonly isExempt: (address: string) => boolean;
}

type Caller = Pick<RequestContext, 'clientInfo' | 'log'>;

/** Counts each call of a field: many in one operation, or in a batch, are as many as in so many requests. */
export interface SignInLimits {
  /** Runs a registration. @throws RATE_LIMITED */
  registering<Outcome>(caller: Caller, run: () => Promise<Outcome>): Promise<Outcome>;
  /** Runs what compares a password. @throws RATE_LIMITED, the same for accounts that exist and for those that do not */
  signingIn<Outcome>(caller: Caller, run: () => Promise<Outcome>): Promise<Outcome>;
  /** Runs the renewal of a session by a token. @throws RATE_LIMITED, the same for tokens that are good and for garbage */
  refreshing<Outcome>(caller: Caller, token: string, run: () => Promise<Outcome>): Promise<Outcome>;
  /** Runs the confirmation of an address by a token. @throws RATE_LIMITED, the same for tokens that are good and for garbage */
  verifying<Outcome>(caller: Caller, token: string, run: () => Promise<Outcome>): Promise<Outcome>;
}

/** Creates the limits of what lets people in. */
export function createSignInLimits({ rates, limits, isExempt }: SignInLimitsOptions): SignInLimits {
  const registrations = limits.create('registrations', rates.registrations);
  const signIns = limits.create('sign-ins', rates.signIns);
  const refreshes = limits.create('refreshes', rates.refreshes);
  const verifications = limits.create('verifications', rates.verifications);
  const tokenUses = limits.create('token-uses', rates.tokenUses);

  async function count(limiter: RateLimiter | null, { clientInfo, log }: Caller, token?: string): Promise<void> {
    const address = clientInfo.ipAddress ?? '';
    if (isExempt(address)) return;
    const key = token === undefined ? networkOf(address) : createHash('sha256').update(token).digest('base64url');
    const standing = await limiter?.consume(key);
    if (!standing?.isOver) return;
    limits.refused(standing.limit, log);
    const { limit, resetSeconds } = standing;
    throw new AppError('RATE_LIMITED', `There were too many tries. Try again in ${resetSeconds} s.`, {
      reason: `${limit.toUpperCase().replaceAll('-', '_')}_QUOTA`,
      extensions: { retryAfter: resetSeconds },
    });
  }

  return {
    async registering(caller, run) {
      await count(registrations, caller);
      return run();
    },
    async signingIn(caller, run) {
      await count(signIns, caller);
      return run();
    },
    async refreshing(caller, token, run) {
      await count(refreshes, caller);
      await count(tokenUses, caller, token);
      return run();
    },
    async verifying(caller, token, run) {
      await count(verifications, caller);
      await count(tokenUses, caller, token);
      return run();
    },
  };
}
