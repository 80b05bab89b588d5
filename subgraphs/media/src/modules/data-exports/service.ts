import type { DataExportPart } from '@taskgraph/contracts';
import {
  alreadyGone,
  appendEvents,
  forgetDeadParts,
  inTransaction,
  isUuid,
  makeOnce,
  notFound,
  requireViewer,
  type IdempotencyKey,
} from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { MediaTx } from '../../db.js';
import type { Prisma } from '../../generated/prisma/client.js';
import type { DataExportRow } from './mappers.js';

/** The services that have something of people beside this one. */
const SOURCES = ['auth', 'task'] as const;
type Source = (typeof SOURCES)[number];

/** Making one reads all that there is: a user with one does not need another at once, and one that cannot be made is not tried again at once. */
const AGAIN_AFTER_MS = 60 * 60_000;

/** Finds an export of the viewer. @throws NOT_FOUND when there is none of this id */
export async function getDataExport(context: MediaContext, id: string): Promise<DataExportRow> {
  const { userId } = requireViewer(context);
  const found = isUuid(id) ? await context.db.dataExport.findFirst({ where: { id, userId } }) : null;
  if (!found) throw notFound('DataExport');
  return found;
}

/**
 * Begins to gather what there is of the viewer, unless that is under way, or was done or has failed just now. Two requests at once
 * get the same, and so does one with a key that was used before.
 *
 * @throws BAD_USER_INPUT when the key stands for something else
 * @throws CONFLICT when the export of the key is gone
 */
export async function requestDataExport(context: MediaContext, key: IdempotencyKey | null): Promise<DataExportRow> {
  const { userId } = requireViewer(context);
  return inTransaction(context.db, async (tx) => {
    const outcome = await makeOnce(tx, { key, userId, wanted: 'an export of data' }, () =>
      findOrBegin(context, tx, userId),
    );
    if (outcome.kind === 'made') return outcome.made;
    const known = await tx.dataExport.findFirst({ where: { id: outcome.id, userId } });
    if (!known) throw alreadyGone('An export of data');
    return known;
  });
}

async function findOrBegin(context: MediaContext, tx: MediaTx, userId: string): Promise<DataExportRow> {
  const since = new Date(Date.now() - AGAIN_AFTER_MS);
  const current = await tx.dataExport.findFirst({
    where: {
      userId,
      OR: [{ status: 'PENDING' }, { status: { in: ['READY', 'FAILED'] }, requestedAt: { gt: since } }],
    },
    orderBy: { requestedAt: 'desc' },
  });
  if (current) return current;
  // The second of two waits here for the first.
  const [made] = await tx.dataExport.createManyAndReturn({
    data: [{ userId, awaiting: [...SOURCES] }],
    skipDuplicates: true,
  });
  if (!made) return tx.dataExport.findFirstOrThrow({ where: { userId, status: 'PENDING' } });
  const { ipAddress, userAgent } = context.clientInfo;
  const data = { dataExportId: made.id, userId, ipAddress, userAgent };
  await appendEvents(tx, [{ type: 'media.data-export-requested.v1', subject: made.id, data }], context);
  context.telemetry.exportRequested(context.log, made.id);
  return made;
}

/** Keeps a part of an export that is pending; of others it is needed no more. A service whose parts have all come is awaited no longer. */
export async function receivePart(tx: MediaTx, source: Source, sent: DataExportPart): Promise<void> {
  const { dataExportId: exportId, part, isLast, file, rows } = sent;
  const pending = await tx.$queryRaw<unknown[]>`
    SELECT FROM data_exports WHERE id = ${exportId}::uuid AND status = 'PENDING' FOR UPDATE`;
  if (pending.length === 0) return;
  const data = { exportId, source, part, isLast, file, rows: rows as Prisma.InputJsonValue };
  await tx.dataExportPart.createMany({ data: [data], skipDuplicates: true });
  await tx.$executeRaw`
    UPDATE data_exports SET awaiting = array_remove(awaiting, ${source}) WHERE id = ${exportId}::uuid AND EXISTS (
      SELECT FROM data_export_parts l WHERE l.export_id = ${exportId}::uuid AND l.source = ${source} AND l.is_last
        AND l.part + 1 = (SELECT count(*) FROM data_export_parts p WHERE p.export_id = l.export_id AND p.source = l.source))`;
}

/** Ends an export, and tells the services that what they have sent is needed no more. */
export async function endExport(
  tx: MediaTx,
  { id, userId }: Pick<DataExportRow, 'id' | 'userId'>,
  outcome: { readonly status: 'READY'; readonly expiresAt: Date } | { readonly status: 'FAILED' },
): Promise<void> {
  await tx.dataExport.update({ where: { id }, data: { ...outcome, endedAt: new Date() } });
  await tx.dataExportPart.deleteMany({ where: { exportId: id } });
  await forgetDeadParts(tx, id);
  const data = { dataExportId: id, userId, outcome: outcome.status };
  await appendEvents(tx, [{ type: 'media.data-export-ended.v1', subject: id, data }]);
}
