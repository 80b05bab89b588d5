import type { DomainEvent } from '@taskgraph/contracts';
import {
  dropExport,
  forgetParts,
  noteExport,
  sendParts,
  type ExportedRows,
  type ExportIds,
  type Log,
} from '@taskgraph/service-kit';
import type { AuthTx } from '../../db.js';
import type { Prisma } from '../../generated/prisma/client.js';
import { listAuditOf } from '../audit/loaders.js';
import { recordAudit, type AuditOrigin } from '../audit/service.js';
import { lockUser } from '../sessions/service.js';

/** Notes that a person's data are to be sent, and puts on record that they have asked for it. */
export async function requestExport(
  tx: AuthTx,
  { data: asked, requestId }: DomainEvent<'media.data-export-requested.v1'>,
  log: Log,
): Promise<void> {
  const { dataExportId, userId, ipAddress = null, userAgent = null } = asked;
  await noteExport(tx, asked);
  const origin = { clientInfo: { ipAddress, userAgent, clientName: null }, requestId: requestId ?? null, log };
  await recordExport(tx, origin, userId, { dataExportId, step: 'requested' });
}

/** Sends what this service has of a person. Of somebody whose account is gone there is nothing. */
export async function sendExport(log: Log, tx: AuthTx, ids: ExportIds): Promise<void> {
  const count = await sendParts(tx, ids, readAccount(tx, ids.userId), (data) => ({
    type: 'auth.data-exported.v1',
    subject: ids.dataExportId,
    data,
  }));
  // A deletion of the account begins with this lock: it comes behind and takes back what is sent here, or has come before.
  if (await lockUser(tx, ids.userId, 'SHARE'))
    log.info({ ...ids, count }, 'what there is of somebody was sent for their export');
  else await forgetParts(tx, 'auth.data-exported.v1', ids.dataExportId);
}

/** Takes back what was sent, and puts on record what has become of it. */
export async function endExport(
  tx: AuthTx,
  { data }: DomainEvent<'media.data-export-ended.v1'>,
  log: Log,
): Promise<void> {
  const { dataExportId, userId, outcome } = data;
  await dropExport(tx, dataExportId);
  await forgetParts(tx, 'auth.data-exported.v1', dataExportId);
  const nobody = { clientInfo: { ipAddress: null, userAgent: null, clientName: null }, requestId: null, log };
  await recordExport(tx, nobody, userId, { dataExportId, step: outcome.toLowerCase() });
}

async function recordExport(
  tx: AuthTx,
  origin: AuditOrigin,
  userId: string,
  details: { readonly dataExportId: string; readonly step: string },
): Promise<void> {
  const user = await tx.user.findUnique({ where: { id: userId }, select: { id: true } });
  if (!user) return;
  const outcome = details.step === 'failed' ? 'FAILURE' : 'SUCCESS';
  await recordAudit(tx, origin, { action: 'DATA_EXPORT', outcome, actorId: userId, subject: userId, details });
}

/** What there is of a person in each table. A column that is not here is not exported: hashes say nothing of them, and something to a thief. */
const ACCOUNT = {
  id: true,
  email: true,
  displayName: true,
  role: true,
  createdAt: true,
  updatedAt: true,
  emailVerifiedAt: true,
} satisfies Prisma.UserSelect;
const SESSION = {
  id: true,
  userAgent: true,
  ipAddress: true,
  clientName: true,
  createdAt: true,
  lastUsedAt: true,
  authenticatedAt: true,
  expiresAt: true,
  revokedAt: true,
} satisfies Prisma.SessionSelect;
/** The address that an account is to have, when the link of a mail is opened. */
const EMAIL_CHANGE = { email: true, createdAt: true, expiresAt: true } satisfies Prisma.AccountTokenSelect;
/** Since when it is on; a factor that is only being set up has no such moment. */
const SECOND_FACTOR = { startedAt: true, confirmedAt: true } satisfies Prisma.SecondFactorSelect;

async function* readAccount(tx: AuthTx, userId: string): ExportedRows {
  const account = await tx.user.findUnique({ where: { id: userId }, select: ACCOUNT });
  if (!account) return;
  yield { file: 'account', rows: [account] };
  const sessions = await tx.session.findMany({ where: { userId }, orderBy: { id: 'asc' }, select: SESSION });
  yield { file: 'sessions', rows: sessions };
  const changes = await tx.accountToken.findMany({
    where: { userId, purpose: 'email-change', usedAt: null, expiresAt: { gt: new Date() } },
    orderBy: { id: 'asc' },
    select: EMAIL_CHANGE,
  });
  yield { file: 'pending-email-changes', rows: changes };
  const factor = await tx.secondFactor.findUnique({ where: { userId }, select: SECOND_FACTOR });
  const recoveryCodesLeft = await tx.recoveryCode.count({ where: { userId, usedAt: null } });
  yield { file: 'second-factor', rows: factor ? [{ ...factor, recoveryCodesLeft }] : [] };
  for await (const rows of listAuditOf(tx, userId)) yield { file: 'audit-log', rows };
}
