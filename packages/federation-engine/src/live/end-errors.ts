import type { GraphQLFormattedError } from 'graphql';

/** What clients are told when a subscription or an operation is not served, or not any longer. */
export const RESTARTING = fault('UNAVAILABLE', 'This gateway is about to stop. Connect again.', 'SERVICE_RESTART', 1);
export const FULL = fault('UNAVAILABLE', 'This gateway has all the subscriptions that it can serve.', 'OVERLOADED', 10);
export const TOO_MANY_EVENTS = fault(
  'RATE_LIMITED',
  'Events came faster than they could be answered. Subscribe again.',
  'TOO_MANY_EVENTS',
  1,
);
export const SLOW_CONSUMER = fault(
  'RATE_LIMITED',
  'Events were not read fast enough. Subscribe again.',
  'SLOW_CONSUMER',
  1,
);

export function tooManySubscriptions(most: number, isUser: boolean): GraphQLFormattedError {
  const who = isUser ? 'A user has' : 'Who has not signed in has, with all others at the same address,';
  return fault('RATE_LIMITED', `${who} at most ${most} subscriptions.`, 'TOO_MANY_SUBSCRIPTIONS', 10);
}

export function tooManyOperations(most: number): GraphQLFormattedError {
  return fault('RATE_LIMITED', `A connection has at most ${most} operations under way.`, 'TOO_MANY_OPERATIONS', 1);
}

/** @param retryAfter seconds */
function fault(
  code: 'UNAVAILABLE' | 'RATE_LIMITED',
  message: string,
  reason: string,
  retryAfter: number,
): GraphQLFormattedError {
  return { message, extensions: { code, reason, retryAfter } };
}
