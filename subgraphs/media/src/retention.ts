import { days, type RetentionRule } from '@taskgraph/service-kit';

/** Events come again for 38 days at most: seven in a subscription, 31 as a dead letter. */
const EVENT_DAYS = 40;

/** What this service keeps for a time. Exports have work of their own, because they have files. */
export const RETENTION_RULES: readonly RetentionRule[] = [
  { table: 'erased_users', where: 'done_at < $1', keepMs: days(EVENT_DAYS) },
];

/** The same, for a process that purges beside the service: no setting changes them. */
export function readRetentionRules(): readonly RetentionRule[] {
  return RETENTION_RULES;
}
