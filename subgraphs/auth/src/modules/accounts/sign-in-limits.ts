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
  /** Passwords tried, right ones too: each takes a computer's time. Wrong ones are the business of `lockout.ts` as well. */
  readonly signIns: Rate | null;
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
}

/** Creates the limits of what lets people in. */
export function createSignInLimits({ rates, limits, isExempt }: SignInLimitsOptions): SignInLimits {
  const registrations = limits.create('registrations', rates.registrations);
  const signIns = limits.create('sign-ins', rates.signIns);

  async function count(limiter: RateLimiter | null, { clientInfo, log }: Caller): Promise<void> {
    const address = clientInfo.ipAddress ?? '';
    if (isExempt(address)) return;
    const standing = await limiter?.consume(networkOf(address));
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
  };
}
