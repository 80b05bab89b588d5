import {
  decodeCursor,
  encodeCursor,
  forbidden,
  inTransaction,
  invalidCursor,
  isUuid,
  parsePageArgs,
  requireViewer,
  toConnection,
  type Connection,
  type PageArgs,
} from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuditEventFilter } from '../../generated/graphql.js';
import { lockLiveSession } from '../sessions/service.js';
import type { AuditEventRow } from './mappers.js';
import { recordAudit } from './service.js';

/**
 * Lists what is on record, the latest first, and puts that on record.
 *
 * @throws UNAUTHENTICATED when the session of the token has ended; FORBIDDEN to everybody but administrators
 */
export async function listAuditEvents(
  context: AuthContext,
  { filter, ...args }: PageArgs & { readonly filter?: AuditEventFilter | null | undefined },
): Promise<Connection<AuditEventRow>> {
  const { userId } = requireViewer(context);
  const page = parsePageArgs(args);
  const before = page.after === null ? null : parsePosition(page.after);
  const { action, actorId, from, to } = filter ?? {};
  const rows = await inTransaction(context.db, async (tx) => {
    const { role } = await lockLiveSession(context, tx);
    if (role !== 'ADMIN') throw forbidden('Only administrators read the audit log.');
    const found = await tx.auditEvent.findMany({
      where: {
        ...(action && { action }),
        // What is no id is nobody's.
        ...(actorId != null && { actorId: isUuid(actorId) ? actorId : NOBODY }),
        ...((from ?? to) && { at: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
        ...(before !== null && { position: { lt: before } }),
      },
      orderBy: { position: 'desc' },
      take: page.size + 1,
    });
    await recordAudit(tx, context, {
      action: 'PRIVILEGED_READ',
      outcome: 'SUCCESS',
      actorId: userId,
      subject: 'audit log',
      details: { rows: Math.min(found.length, page.size) },
    });
    return found;
  });
  return toConnection(rows, page, ({ position }) => encodeCursor([String(position)]));
}

const NOBODY = '00000000-0000-0000-0000-000000000000';

function parsePosition(cursor: string): bigint {
  const [position, ...rest] = decodeCursor(cursor);
  if (typeof position !== 'string' || !/^\d{1,18}$/.test(position) || rest.length > 0) throw invalidCursor();
  return BigInt(position);
}
