import type { Rate, Standing } from './rate.js';

/** Quotas are of requests where nothing else is said (draft-ietf-httpapi-ratelimit-headers-11, "Quota Unit Parameter"). */
const UNITS: Readonly<Record<string, string>> = { 'upload-bytes': ';qu="content-bytes"' };

/** Writes a limit as a member of the field `RateLimit-Policy`. */
export function toPolicy(limit: string, { quota, windowSeconds }: Rate): string {
  return `"${limit}";q=${quota};w=${windowSeconds}${UNITS[limit] ?? ''}`;
}

/** The fields that tell a client how it stands with each limit that was looked at (draft-ietf-httpapi-ratelimit-headers-11). */
export function rateLimitHeaders(standings: readonly Standing[]): Readonly<Record<string, string>> {
  let policies = '';
  let state = '';
  for (const { limit, policy, remaining, resetSeconds } of standings) {
    const separator = state === '' ? '' : ', ';
    policies += separator + policy;
    state += `${separator}"${limit}";r=${remaining};t=${resetSeconds}`;
  }
  return { 'ratelimit-policy': policies, ratelimit: state };
}
