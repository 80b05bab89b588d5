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
        await store.putFile(exportKey(exportId), path);
        await endExport(tx, current, { status: 'READY', expiresAt: new Date(Date.now() + options.lifetimeMs) });
        telemetry.exportEnded(log, exportId, 'READY');
        return true;
      },
      { timeoutMs: TIMEOUT_MS, tries: 1 },
    );
  } catch (error) {
    if (current && !signal.aborted) await noteFailure(options, current, error);
    return false;
  } finally {
    await spool.remove(path);
  }
}

/** What fails again and again, or can never succeed, has failed. */
async function noteFailure(
  { db, telemetry, log }: ExportWorkOptions,
  current: Pick<DataExportRow, 'id' | 'userId'>,
  error: unknown,
): Promise<void> {
  log.warn({ err: error, exportId: current.id }, 'an export could not be made');
  const isOver = await inTransaction(db, async (tx) => {
    const updated = await tx.dataExport.updateManyAndReturn({
      where: { id: current.id, status: 'PENDING' },
      data: { failures: { increment: 1 } },
    });
    const failures = updated[0]?.failures;
    if (failures === undefined || (failures < MAX_FAILURES && !(error instanceof ExportTooLarge))) return false;
    await endExport(tx, current, { status: 'FAILED' });
    return true;
  });
  if (isOver) telemetry.exportEnded(log, current.id, 'FAILED');
}

/** Removes files whose time is over, gives up what nobody has sent, and forgets what has ended long ago: a part at a time. */
async function removeOld({ db, store, telemetry, log }: ExportWorkOptions): Promise<void> {
  await inTransaction(db, async (tx) => {
    const expired = await tx.$queryRaw<Array<{ id: string }>>`
      SELECT id FROM data_exports WHERE status = 'READY' AND expires_at < now() LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`;
    for (const { id } of expired) {
      await store.deleteAll(exportPrefix(id));
      telemetry.exportEnded(log, id, 'EXPIRED');
    }
    const ids = expired.map(({ id }) => id);
    await tx.dataExport.updateMany({ where: { id: { in: ids } }, data: { status: 'EXPIRED', endedAt: new Date() } });
    const forlorn = await tx.$queryRaw<Array<{ id: string; userId: string }>>`
      SELECT id, user_id AS "userId" FROM data_exports
      WHERE status = 'PENDING' AND requested_at < ${new Date(Date.now() - GIVE_UP_AFTER_MS)}
      LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED`;
    for (const each of forlorn) {
      await endExport(tx, each, { status: 'FAILED' });
      telemetry.exportEnded(log, each.id, 'FAILED');
    }
    await tx.dataExport.deleteMany({
      where: { status: { in: ['EXPIRED', 'FAILED'] }, endedAt: { lt: new Date(Date.now() - FORGET_AFTER_MS) } },
    });
  });
}
