import { createBackgroundWork, type BackgroundWork } from '../background-work.js';
import type { RawSqlClient } from '../events/outbox.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { PreparedReads } from '../prepared-reads.js';
import { inTransaction, type TransactionalClient, type Tx } from '../transaction.js';
import { countErasures, listErasures, lockErasure, noteErasureDone, type PendingErasure } from './erased-users.js';

interface ErasureWorkOptions<Client extends RawSqlClient> {
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

/** For what nobody wakes it for: the process that was told may have died. */
const INTERVAL_MS = 60_000;
/** For what waits for something that is in use. */
const AGAIN_MS = 1_000;
const USERS_AT_ONCE = 20;
/** Of one user, before the next has a turn. */
const STEPS_AT_ONCE = 50;
/** Files of some items are deleted in one. */
const TIMEOUT_MS = 60_000;

/**
 * Erases what a service has of users whose accounts are gone, in parts, and begins where it has stopped. Several processes may do so.
 * Every user has a turn: neither one who has much, nor one who cannot be erased, keeps the others from theirs.
 */
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

  const failures = metrics.counter('taskgraph_erasure_failures_total', 'Parts of an erasure that have failed.');
  /** When the erasure of somebody has failed: it is tried again after a while. */
  const failedAt = new Map<string, number>();

  async function step(userId: string): Promise<ErasureStep> {
    const outcome = await inTransaction(
      db,
      async (tx) => {
        if (!(await lockErasure(tx, userId))) return 'wait';
        const left = await erase(tx, userId);
        if (left !== 'nothing') return left;
        await noteErasureDone(tx, userId);
        await tell(tx, userId);
        return 'nothing';
      },
      { timeoutMs: TIMEOUT_MS, tries: 1 },
    );
    if (outcome === 'nothing') {
      erased.inc();
      log.info({ userId }, 'nothing is left of a deleted account');
    }
    return outcome;
  }

  /** Returns when to look at this user again, where that is sooner than after the interval. */
  async function eraseSome(userId: string, signal: AbortSignal): Promise<number | null> {
    if (Date.now() - (failedAt.get(userId) ?? -Infinity) < INTERVAL_MS) return null;
    failedAt.delete(userId);
    try {
      for (let steps = 0; steps < STEPS_AT_ONCE && !signal.aborted; steps += 1) {
        const outcome = await step(userId);
        if (outcome !== 'more') return outcome === 'wait' ? AGAIN_MS : null;
      }
      return 0;
    } catch (error) {
      failedAt.set(userId, Date.now());
      failures.inc();
      log.warn({ err: error, userId }, 'a part of an erasure has failed; it is tried again');
      return null;
    }
  }

  return createBackgroundWork({
    name: 'erasure',
    intervalMs: INTERVAL_MS,
    log,
    async work(signal) {
      pending.set(await countErasures(reads));
      let againMs: number | null = null;
      let page: PendingErasure[];
      let last: PendingErasure | undefined;
      do {
        page = await listErasures(reads, USERS_AT_ONCE, last);
        for (const { userId } of page) {
          if (signal.aborted) return null;
          const waitMs = await eraseSome(userId, signal);
          if (waitMs !== null) againMs = Math.min(againMs ?? waitMs, waitMs);
        }
        last = page.at(-1);
      } while (page.length === USERS_AT_ONCE);
      pending.set(await countErasures(reads));
      return againMs;
    },
  });
}
