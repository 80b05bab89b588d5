/** How much is allowed in how long. */
export interface Rate {
  readonly quota: number;
  readonly windowSeconds: number;
}

/** How somebody stands with a limit. */
export interface Standing {
  /** The limit's name. */
  readonly limit: string;
  /** The limit itself, as a member of the field `RateLimit-Policy`. */
  readonly policy: string;
  readonly isOver: boolean;
  readonly remaining: number;
  /** Until all is allowed again. */
  readonly resetSeconds: number;
}

/** Longer windows than a week are quotas of an account, which is no business of a limiter that forgets. */
const MAX_WINDOW_SECONDS = 7 * 24 * 3600;

/** Reads `200/60`: 200 in 60 seconds, or `off` for no limit, which is null; undefined for what is neither. */
export function parseRate(text: string): Rate | null | undefined {
  if (text === 'off') return null;
  const [, quota, windowSeconds] = /^(\d{1,15})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  if (!quota || !windowSeconds || windowSeconds > MAX_WINDOW_SECONDS) return undefined;
  return { quota, windowSeconds };
}
