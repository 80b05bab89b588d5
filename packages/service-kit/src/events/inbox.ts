import { settledPart, type DomainEvent } from '@taskgraph/contracts';
import { inTransaction, type TransactionalClient, type Tx } from '../transaction.js';
import type { RawSqlClient } from './outbox.js';

/** PostgreSQL keeps advisory locks of one and of two keys apart; these are of two. */
const SUBJECT_LOCKS = 7_022;

/** A statement of its own: the next one sees what was committed while this one waited. */
const LOCK = `SELECT pg_advisory_xact_lock(${SUBJECT_LOCKS}, hashtext($1 || ' ' || $2 || ' ' || $3))`;

const ENTER = `
  WITH entered AS (
    INSERT INTO inbox (group_name, event_id, source, subject, sequence, settles)
    VALUES ($1, $2::uuid, $3, $4, $5::bigint, $6) ON CONFLICT DO NOTHING
    RETURNING event_id
  )
  SELECT EXISTS (SELECT FROM entered) AS entered, EXISTS (
    SELECT FROM inbox
    WHERE group_name = $1 AND source = $3 AND subject = $4 AND sequence > $5::bigint AND (settles = '*' OR settles = $6)
  ) AS late`;

/** `known`: it was handled before. `late`: a later event has settled what it is about, so it has no effects any more. */
export type InboxOutcome = 'handled' | 'known' | 'late';

/**
 * Handles an event once for a group: its effects and the note that it was handled are one transaction. Of two deliveries at
 * once, the second waits for the first, and does nothing when that commits.
 *
 * Transports keep the order of a subject as well as they can. It is lost when a process dies with events that it was given, and
 * when a dead letter is replayed; what came later must not be undone by that. Events of one subject wait for each other, across
 * processes too.
 */
export async function handleOnce<Client extends RawSqlClient>(
  db: TransactionalClient<Client>,
  group: string,
  event: DomainEvent,
  work: (tx: Tx<Client>) => Promise<void>,
): Promise<InboxOutcome> {
  const { id, source, subject, sequence } = event;
  return inTransaction(db, async (tx) => {
    await tx.$executeRawUnsafe(LOCK, group, source, subject);
    const [found] = await tx.$queryRawUnsafe<Array<{ entered: boolean; late: boolean }>>(
      ENTER,
      ...[group, id, source, subject, sequence, settledPart(event)],
    );
    if (!found?.entered) return 'known';
    if (found.late) return 'late';
    await work(tx);
    return 'handled';
  });
}
