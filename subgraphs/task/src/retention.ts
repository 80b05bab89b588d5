import { days, type RetentionRule } from '@taskgraph/service-kit';
import { readRetentionConfig, type TaskConfig } from './config.js';

/** Events come again for 38 days at most: seven in a subscription, 31 as a dead letter. */
const EVENT_DAYS = 40;

/** What this service keeps for a time. What it does not know of an item any more it asks media for. */
export function retentionRules({
  KNOWN_MEDIA_RETENTION_DAYS,
}: Pick<TaskConfig, 'KNOWN_MEDIA_RETENTION_DAYS'>): RetentionRule[] {
  return [
    // A deleted one is remembered as long as an event may still tell that it is ready.
    { table: 'known_media', where: 'told_at < $1', keepMs: days(Math.max(EVENT_DAYS, KNOWN_MEDIA_RETENTION_DAYS)) },
    { table: 'erased_users', where: 'done_at < $1', keepMs: days(EVENT_DAYS) },
  ];
}

/** The same by the settings of the environment, for a process that purges beside the service. @throws ConfigError */
export function readRetentionRules(env: NodeJS.ProcessEnv): readonly RetentionRule[] {
  return retentionRules(readRetentionConfig(env));
}
