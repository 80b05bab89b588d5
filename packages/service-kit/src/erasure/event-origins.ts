import { TYPES_WITH_ORIGIN } from '@taskgraph/contracts';
import type { RawSqlClient } from '../events/outbox.js';
import type { Tx } from '../transaction.js';

/** The person whose address and program an event has: its actor, or else its user. */
const personOf = (data: string) => `coalesce(${data} ->> 'actorId', ${data} ->> 'userId')`;
const MEMBERS = "ARRAY['ipAddress', 'userAgent']";

const FORGET_IN_OUTBOX = `
  UPDATE outbox SET data = data - ${MEMBERS}
  WHERE type = ANY($1) AND data ?| ${MEMBERS} AND ${personOf('data')} = $2`;

const FORGET_IN_DEAD_LETTERS = `
  UPDATE dead_letters SET envelope = jsonb_set(envelope, '{data}', (envelope -> 'data') - ${MEMBERS})
  WHERE envelope ->> 'type' = ANY($1) AND envelope -> 'data' ?| ${MEMBERS}`;

/**
 * Takes where somebody was whose account is gone, and with what program, from the events of theirs: from those that were published, from
 * those that are yet to be, since the audit log would not keep it of them either, and from those that could not be handled.
 */
export async function forgetOriginsOf<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<void> {
  await tx.$executeRawUnsafe(FORGET_IN_OUTBOX, TYPES_WITH_ORIGIN, userId);
  await tx.$executeRawUnsafe(
    `${FORGET_IN_DEAD_LETTERS} AND ${personOf("envelope -> 'data'")} = $2`,
    TYPES_WITH_ORIGIN,
    userId,
  );
}

/** The same in dead letters of everybody who has no account, where accounts are: an event may have been given up after its person has gone. */
export async function forgetDeadOriginsOfGone<Client extends RawSqlClient>(tx: Tx<Client>): Promise<void> {
  await tx.$executeRawUnsafe(
    `${FORGET_IN_DEAD_LETTERS} AND NOT EXISTS (SELECT FROM users WHERE id::text = ${personOf("envelope -> 'data'")})`,
    TYPES_WITH_ORIGIN,
  );
}
