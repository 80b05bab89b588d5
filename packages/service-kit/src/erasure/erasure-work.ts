import { createBackgroundWork, type BackgroundWork } from '../background-work.js';
import type { RawSqlClient } from '../events/outbox.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { PreparedReads } from '../prepared-reads.js';
import { inTransaction, type TransactionalClient, type Tx } from '../transaction.js';
import { listErasures, lockErasure, noteErasureDone } from './erased-users.js';

export interface ErasureWorkOptions<Client extends RawSqlClient> {
  readonly db: TransactionalClient<Client>;
  readonly reads: PreparedReads;
  /**
   * Erases a part of what there is of a user, which is bounded, in a transaction that keeps other processes from this user.
   *
   * `more`: there is more to erase. `wait`: something is in use, and is to be looked at again later. `nothing`: there is nothing left.
   */
  readonly erase: (tx: Tx<Client>, userId: string) => Promise<ErasureStep>;
  /** Tells that nothing is left, in the transaction that has found so. */
  readonly tell: (tx: Tx<Client>, userId: string) => Promise<void>;
  readonly log: Log;
  readonly metrics: Metrics;
}

export type ErasureStep = 'more' | 'wait' | 'nothing';

/** For what nobody wakes it for: whoever was told may have died. */
const INTERVAL_MS = 60_000;
/** For what waits for something that is in use. */
const AGAIN_MS = 1_000;
const USERS_AT_ONCE = 20;
/** Files of some items are deleted in one. */
const TIMEOUT_MS = 60_000;

/** Erases what a service has of users whose accounts are gone, in parts, and begins where it has stopped. Several processes may do so. */
export function createErasureWork<Client extends RawSqlClient>({
  db,
  reads,
  erase,
  tell,
  log,
  metrics,
}: ErasureWorkOptions<Client>): BackgroundWork {
  const pending = metrics.gauge('taskgraph_erasures_pending', 'Deleted accounts of which something is left here.');
  const erased = metrics.counter(
    'taskgraph_erasures_total',
    'Deleted accounts of which nothing is left here any more.',
  );

  async function step(userId: string): Promise<boolean> {
    const outcome = await inTransaction(
      db,
      async (tx) => {
        if (!(await lockErasure(tx, userId))) return 'wait';
        const left = await erase(tx, userId);
        if (left !== 'nothing') return left;
        await noteErasureDone(tx, userId);
        await tell(tx, userId);
        return 'done';
      },
      { timeoutMs: TIMEOUT_MS, tries: 1 },
    );
    if (outcome === 'done') {
      erased.inc();
      log.info({ userId }, 'nothing is left of a deleted account');
    }
    return outcome === 'more';
  }

  return createBackgroundWork({
    name: 'erasure',
    intervalMs: INTERVAL_MS,
    log,
    async work(signal) {
      const userIds = await listErasures(reads, USERS_AT_ONCE);
      pending.set(userIds.length);
      if (userIds.length === 0) return null;
      for (const userId of userIds) while (!signal.aborted && (await step(userId)));
      const left = await listErasures(reads, USERS_AT_ONCE);
      pending.set(left.length);
      return left.length > 0 ? AGAIN_MS : null;
    },
  });
}
