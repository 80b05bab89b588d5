import { forgetParts, sendParts, type ExportedRows, type ExportIds, type Log } from '@taskgraph/service-kit';
import type { AuthTx } from '../../db.js';
import { listAuditOf } from '../audit/loaders.js';

/** Sends what this service has of a person. Of somebody whose account is gone there is nothing. */
export async function sendExport(tx: AuthTx, ids: ExportIds, log: Log): Promise<void> {
  const count = await sendParts(tx, ids, readAccount(tx, ids.userId), (data) => ({
    type: 'auth.data-exported.v1',
    subject: ids.dataExportId,
    data,
  }));
  log.info({ ...ids, count }, 'what there is of somebody was sent for their export');
}

export const forgetExport = (tx: AuthTx, dataExportId: string): Promise<void> =>
  forgetParts(tx, 'auth.data-exported.v1', dataExportId);

async function* readAccount(tx: AuthTx, userId: string): ExportedRows {
  // Hashes of passwords and tokens say nothing of a person, and something to who steals the file.
  const account = await tx.user.findUnique({ where: { id: userId }, omit: { passwordHash: true } });
  if (!account) return;
  yield { file: 'account', rows: [account] };
  const sessions = await tx.session.findMany({ where: { userId }, orderBy: { id: 'asc' } });
  yield { file: 'sessions', rows: sessions };
  for await (const rows of listAuditOf(tx, userId)) yield { file: 'audit-log', rows };
}
