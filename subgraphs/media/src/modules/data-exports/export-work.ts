import { createBackgroundWork, inTransaction, type BackgroundWork, type Log } from '@taskgraph/service-kit';
import type { MediaDb } from '../../db.js';
import { exportKey, exportPrefix } from '../../storage/object-keys.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Spool } from '../../storage/spool.js';
import type { MediaTelemetry } from '../../telemetry.js';
import { ExportTooLarge, writeExportFile } from './export-file.js';
import type { DataExportRow } from './mappers.js';
import { endExport } from './service.js';

export interface ExportWorkOptions {
  readonly db: MediaDb;
  readonly store: ObjectStore;
  readonly spool: Spool;
  readonly telemetry: MediaTelemetry;
  readonly lifetimeMs: number;
  readonly maxBytes: number;
  readonly log: Log;
}

const INTERVAL_MS = 60_000;
const AGAIN_MS = 5_000;
/** Of one file. */
const TIMEOUT_MS = 30 * 60_000;
/** The store may be slow. */
const REMOVAL_TIMEOUT_MS = 60_000;
const MAX_FAILURES = 5;
/** Events come again for so long. */
const GIVE_UP_AFTER_MS = 7 * 24 * 60 * 60_000;
/** That there was one is told for so long. */
const FORGET_AFTER_MS = 30 * 24 * 60 * 60_000;
const AT_ONCE = 50;

/** Makes the files of exports whose parts have all come, and removes those whose time is over. Several processes may do so. */
export function createExportWork(options: ExportWorkOptions): BackgroundWork {
  return createBackgroundWork({
    name: 'data exports',
    intervalMs: INTERVAL_MS,
    log: options.log,
    async work(signal) {
      while (!signal.aborted && (await makeOne(options, signal)));
      await removeOld(options);
      return (await options.db.dataExport.count({ where: { status: 'PENDING', awaiting: { isEmpty: true } } })) > 0
        ? AGAIN_MS
        : null;
    },
  });
}

/** Makes the file of one export, while its row keeps other processes from it. Returns false when there is none, or it has failed. */
async function makeOne(options: ExportWorkOptions, signal: AbortSignal): Promise<boolean> {
  const { db, store, spool, telemetry, log } = options;
  const path = spool.newPath();
  let current: Pick<DataExportRow, 'id' | 'userId'> | undefined;
  let isStored = false;
  try {
    return await inTransaction(
      db,
      async (tx) => {
        [current] = await tx.$queryRaw<Array<Pick<DataExportRow, 'id' | 'userId'>>>`
          SELECT id, user_id AS "userId" FROM data_exports WHERE status = 'PENDING' AND awaiting = '{}'
          ORDER BY failures, requested_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
        if (!current) return false;
        const { id: exportId, userId } = current;
        await writeExportFile(tx, { exportId, userId, store, path, maxBytes: options.maxBytes, signal });
        // A process that has lost the row meanwhile, by a time-out or with the connection, stores nothing: the account may be gone by now.
        signal.throwIfAborted();
        await tx.$queryRaw`SELECT FROM data_exports WHERE id = ${exportId}::uuid`;
        isStored = true;
        await store.putFile(exportKey(exportId), path);
        await endExport(tx, current, { status: 'READY', expiresAt: new Date(Date.now() + options.lifetimeMs) });
        telemetry.exportEnded(log, exportId, 'ok');
        return true;
      },
      { timeoutMs: TIMEOUT_MS, tries: 1 },
    );
  } catch (error) {
    if (current && isStored) await removeStored(options, current.id);
    if (current && !signal.aborted) await noteFailure(options, current, error);
    return false;
  } finally {
    await spool.remove(path);
  }
}

/** Removes the file of an export that was not noted as ready; a process that has its row meanwhile stores another in its place. */
async function removeStored({ db, store, log }: ExportWorkOptions, exportId: string): Promise<void> {
  try {
    await inTransaction(
      db,
      async (tx) => {
        const [free] = await tx.$queryRaw<Array<{ status: string }>>`
          SELECT status FROM data_exports WHERE id = ${exportId}::uuid FOR UPDATE SKIP LOCKED`;
        const isOfOthers = !free && (await tx.dataExport.count({ where: { id: exportId } })) > 0;
        if (free?.status !== 'READY' && !isOfOthers) await store.deleteAll(exportPrefix(exportId));
      },
      { timeoutMs: REMOVAL_TIMEOUT_MS, tries: 1 },
    );
  } catch (error) {
    log.error({ err: error, exportId, prefix: exportPrefix(exportId) }, 'the file of an export may be left over');
  }
}

/** What fails again and again, or can never succeed, has failed. */
async function noteFailure(
  { db, store, telemetry, log }: ExportWorkOptions,
  current: Pick<DataExportRow, 'id' | 'userId'>,
  error: unknown,
): Promise<void> {
  log.warn({ err: error, exportId: current.id }, 'an export could not be made');
  const isOver = await inTransaction(
    db,
    async (tx) => {
      const updated = await tx.dataExport.updateManyAndReturn({
        where: { id: current.id, status: 'PENDING' },
        data: { failures: { increment: 1 } },
      });
      const failures = updated[0]?.failures;
      if (failures === undefined || (failures < MAX_FAILURES && !(error instanceof ExportTooLarge))) return false;
      await store.deleteAll(exportPrefix(current.id));
      await endExport(tx, current, { status: 'FAILED' });
      return true;
    },
    { timeoutMs: REMOVAL_TIMEOUT_MS, tries: 1 },
  );
  if (isOver) telemetry.exportEnded(log, current.id, 'error');
}

/**
 * Removes files whose time is over or that a later one replaces, gives up what nobody has sent, and forgets what has ended long ago: a part
 * at a time, each in a transaction of its own, so that one whose file cannot be removed keeps no other from it.
 */
async function removeOld(options: ExportWorkOptions): Promise<void> {
  const { db } = options;
  const old = await db.$queryRaw<Array<{ id: string }>>`
    SELECT d.id FROM data_exports d
    WHERE (d.status = 'READY' AND (d.expires_at < now() OR EXISTS (
        SELECT FROM data_exports later
        WHERE later.user_id = d.user_id AND later.status = 'READY' AND later.requested_at > d.requested_at)))
      OR (d.status = 'PENDING' AND d.requested_at < ${new Date(Date.now() - GIVE_UP_AFTER_MS)})
    ORDER BY d.requested_at LIMIT ${AT_ONCE}`;
  for (const { id } of old) await removeOne(options, id);
  await db.dataExport.deleteMany({
    where: { status: { in: ['EXPIRED', 'FAILED'] }, endedAt: { lt: new Date(Date.now() - FORGET_AFTER_MS) } },
  });
}

async function removeOne({ db, store, telemetry, log }: ExportWorkOptions, id: string): Promise<void> {
  try {
    const outcome = await inTransaction(
      db,
      async (tx) => {
        const [found] = await tx.$queryRaw<Array<Pick<DataExportRow, 'status' | 'userId'>>>`
          SELECT status, user_id AS "userId" FROM data_exports
          WHERE id = ${id}::uuid AND status IN ('READY', 'PENDING') FOR UPDATE SKIP LOCKED`;
        if (!found) return null;
        await store.deleteAll(exportPrefix(id));
        if (found.status === 'PENDING') {
          await endExport(tx, { id, userId: found.userId }, { status: 'FAILED' });
          return 'error' as const;
        }
        await tx.dataExport.update({ where: { id }, data: { status: 'EXPIRED', endedAt: new Date() } });
        return 'expired' as const;
      },
      { timeoutMs: REMOVAL_TIMEOUT_MS, tries: 1 },
    );
    if (outcome) telemetry.exportEnded(log, id, outcome);
  } catch (error) {
    log.warn({ err: error, exportId: id }, 'an export whose time is over could not be removed; it is tried again');
  }
}
