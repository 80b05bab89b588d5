/**
 * Every value of the label `outcome`, of whatever metric: one word for the same thing. A success is `ok`, a fault of ours `error`; what
 * is refused says why. docs/operations.md has what each means.
 */
export const OUTCOMES = [
  ...['ok', 'error', 'aborted', 'unavailable', 'unreachable', 'shed', 'refused'],
  ...['hit', 'miss'],
  ...['duplicate', 'late', 'ignored', 'poison'],
  ...['challenged', 'locked', 'email_taken', 'weak_password', 'unknown', 'ended', 'reused'],
  ...['created', 'requested', 'repeated', 'retried', 'unnamed', 'lost', 'expired', 'terminated'],
  ...['attached', 'detached', 'not_found', 'not_ready'],
  ...['empty', 'mismatch', 'corrupt', 'too_many_pixels', 'too_complex'],
  ...['media_too_large', 'unsupported_media_type', 'quota_exceeded'],
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The word for a reason or a problem of the graph: `too_many_pixels` for TOO_MANY_PIXELS, `media_too_large` for MediaTooLargeProblem. */
export function outcomeOf<Reason extends string>(reason: Reason): OutcomeOf<Reason> {
  const words = reason.replace(/Problem$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_');
  return words.toLowerCase() as OutcomeOf<Reason>;
}

type OutcomeOf<Reason extends string> = Reason extends `${infer Name}Problem`
  ? Snake<Uncapitalize<Name>>
  : Lowercase<Reason>;
type Snake<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${Snake<Rest>}`
  : '';
