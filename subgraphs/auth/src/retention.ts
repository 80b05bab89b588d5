import { days, type RetentionRule } from '@taskgraph/service-kit';
import { readRetentionConfig, type AuthConfig } from './config.js';

/** Links of mails and logins that were begun say nothing any more soon after their time. */
const TOKEN_DAYS = 1;
/** That an account was erased, without whose it was. */
const ERASURE_DAYS = 90;

const ENDED_SESSION = 'least(revoked_at, expires_at) < $1';

/**
 * What this service keeps for a time. A token goes when its session has ended long ago, and not before: one that was spent long ago still
 * ends its session when somebody presents it. A session may have thousands: it goes when none is left, not with all of them in one statement.
 */
export function retentionRules({
  SESSION_RETENTION_DAYS,
}: Pick<AuthConfig, 'SESSION_RETENTION_DAYS'>): RetentionRule[] {
  return [
    {
      table: 'refresh_tokens',
      where: `session_id IN (SELECT id FROM sessions WHERE ${ENDED_SESSION})`,
      keepMs: days(SESSION_RETENTION_DAYS),
    },
    {
      table: 'sessions',
      where: `${ENDED_SESSION} AND NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = sessions.id)`,
      keepMs: days(SESSION_RETENTION_DAYS),
    },
    { table: 'account_tokens', where: 'least(used_at, expires_at) < $1', keepMs: days(TOKEN_DAYS) },
    { table: 'login_challenges', where: 'expires_at < $1', keepMs: days(TOKEN_DAYS) },
    { table: 'erasures', where: 'completed_at < $1', keepMs: days(ERASURE_DAYS) },
  ];
}

/** The same by the settings of the environment, for a process that purges beside the service. @throws ConfigError */
export function readRetentionRules(env: NodeJS.ProcessEnv): readonly RetentionRule[] {
  return retentionRules(readRetentionConfig(env));
}
