import { days, type RetentionRule } from '@taskgraph/service-kit';
import type { AuthConfig } from './config.js';

/** Links of mails and logins that were begun say nothing any more soon after their time. */
const TOKEN_DAYS = 1;
/** That an account was erased, without whose it was. */
const ERASURE_DAYS = 90;

/**
 * What this service keeps for a time. A session goes with all tokens of its family, and not before: one that was spent long ago still ends
 * its session when somebody presents it.
 */
export function retentionRules({
  SESSION_RETENTION_DAYS,
}: Pick<AuthConfig, 'SESSION_RETENTION_DAYS'>): RetentionRule[] {
  return [
    { table: 'sessions', where: 'least(revoked_at, expires_at) < $1', keepMs: days(SESSION_RETENTION_DAYS) },
    { table: 'account_tokens', where: 'least(used_at, expires_at) < $1', keepMs: days(TOKEN_DAYS) },
    { table: 'login_challenges', where: 'expires_at < $1', keepMs: days(TOKEN_DAYS) },
    { table: 'erasures', where: 'completed_at < $1', keepMs: days(ERASURE_DAYS) },
  ];
}
