import { createBackgroundWork, type BackgroundWork } from '../background-work.js';
import type { RawSqlClient } from '../events/outbox.js';
import type { Log } from '../log.js';
import { inTransaction, type TransactionalClient, type Tx } from '../transaction.js';
import type { ExportIds } from './export-parts.js';

const NOTE = `
  INSERT INTO data_export_requests (export_id, user_id) VALUES ($1::uuid, $2::uuid) ON CONFLICT (export_id) DO NOTHING`;
const DROP_THOSE_OF = `
  DELETE FROM data_export_requests WHERE export_id IN (
    SELECT export_id FROM data_export_requests WHERE user_id = $1::uuid FOR UPDATE SKIP LOCKED)`;
const INTERVAL_MS = 60_000;
/** Of all that there is of one person. */
const TIMEOUT_MS = 30 * 60_000;

/** Notes that a person's data are to be sent. There may be more of them than the handler of an event has time for. */
export async function noteExport<Client extends RawSqlClient>(
  tx: Tx<Client>,
  { dataExportId, userId }: ExportIds,
): Promise<void> {
  await tx.$executeRawUnsafe(NOTE, dataExportId, userId);
}

/** Nobody waits for the data any more. What is being sent just now is waited for, and the caller takes it back. */
export async function dropExport<Client extends RawSqlClient>(tx: Tx<Client>, dataExportId: string): Promise<void> {
  await tx.$executeRawUnsafe('DELETE FROM data_export_requests WHERE export_id = $1::uuid', dataExportId);
}

/** The same for a person whose account is gone. Tells whether that is all: what is being sent just now is not waited for. */
export async function dropExportsOf<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<boolean> {
  await tx.$executeRawUnsafe(DROP_THOSE_OF, userId);
  const left = await tx.$queryRawUnsafe<unknown[]>(
    'SELECT FROM data_export_requests WHERE user_id = $1::uuid LIMIT 1',
    userId,
  );
  return left.length === 0;
}

interface ExportSendingOptions<Client extends RawSqlClient> {
  readonly db: TransactionalClient<Client>;
  /** Sends what there is of a person, see `sendParts`. */
  readonly send: (tx: Tx<Client>, ids: ExportIds) => Promise<void>;
  readonly log: Log;
}

/**
 * Sends what was noted, each in one transaction: all parts are sent, or none. What fails is tried again after a while, and keeps no other
 * from being sent. Several processes may do so.
 */
export function createExportSending<Client extends RawSqlClient>({
  db,
  send,
  log,
}: ExportSendingOptions<Client>): BackgroundWork {
  async function sendOne(): Promise<boolean> {
    let ids: ExportIds | undefined;
    try {
      await inTransaction(
        db,
        async (tx) => {
          [ids] = await tx.$queryRawUnsafe<ExportIds[]>(`
            SELECT export_id::text AS "dataExportId", user_id::text AS "userId" FROM data_export_requests
            WHERE tried_at IS NULL OR tried_at < now() - interval '1 minute'
            ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED`);
          if (!ids) return;
          await send(tx, ids);
          await dropExport(tx, ids.dataExportId);
        },
        { timeoutMs: TIMEOUT_MS, tries: 1 },
      );
    } catch (error) {
      if (!ids) throw error;
      const { dataExportId } = ids;
      log.warn({ err: error, dataExportId }, 'what there is of somebody could not be sent; it is tried again');
      await inTransaction(db, (tx) =>
        tx.$executeRawUnsafe(
          'UPDATE data_export_requests SET tried_at = now() WHERE export_id = $1::uuid',
          dataExportId,
        ),
      );
    }
    return ids !== undefined;
  }

  return createBackgroundWork({
    name: 'sending of data exports',
    intervalMs: INTERVAL_MS,
    log,
    async work(signal) {
      while (!signal.aborted && (await sendOne()));
      return null;
    },
  });
}
