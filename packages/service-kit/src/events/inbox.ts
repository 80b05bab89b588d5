import type { EventEnvelope } from '@taskgraph/contracts';
import { inTransaction, type TransactionalClient, type Tx } from '../transaction.js';
import type { RawSqlClient } from './outbox.js';

const ENTER = `INSERT INTO inbox (group_name, event_id) VALUES ($1, $2::uuid) ON CONFLICT DO NOTHING`;

/**
 * Handles an event once for a group: its effects and the note that it was handled are one transaction. Of two deliveries at
 * once, the second waits for the first, and does nothing when that commits.
 */
export async function handleOnce<Client extends RawSqlClient>(
  db: TransactionalClient<Client>,
  group: string,
  event: EventEnvelope,
  work: (tx: Tx<Client>) => Promise<void>,
): Promise<'handled' | 'known'> {
  return inTransaction(db, async (tx) => {
    const entered = await tx.$executeRawUnsafe(ENTER, group, event.id);
    if (entered === 0) return 'known';
    await work(tx);
    return 'handled';
  });
}
