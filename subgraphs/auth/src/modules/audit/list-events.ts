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
import type { AuthTx } from '../../db.js';
import type { AuditEvent } from '../../generated/prisma/client.js';
import type { AuditEventFilter } from '../../generated/graphql.js';
import { lockLiveSession } from '../sessions/service.js';
import type { AuditEventRow } from './mappers.js';
import { openOrigin } from './people.js';
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
    const actor = actorId == null ? null : await findPseudonym(tx, actorId);
    const found = await tx.auditEvent.findMany({
      where: {
        ...(action && { action }),
        ...(actor !== null && { actorId: actor }),
        ...((from ?? to) && { at: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
        ...(before !== null && { position: { lt: before } }),
      },
      orderBy: { position: 'desc' },
      take: page.size + 1,
    });
    const named = await namePeople(tx, found);
    await recordAudit(tx, context, {
      action: 'PRIVILEGED_READ',
      outcome: 'SUCCESS',
      actorId: userId,
      subject: null,
      object: 'audit log',
      details: { rows: Math.min(found.length, page.size) },
    });
    return named;
  });
  return toConnection(rows, page, ({ position }) => encodeCursor([String(position)]));
}

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** What is no id of anybody whose account is there is nobody's. */
async function findPseudonym(tx: AuthTx, actorId: string): Promise<string> {
  const person = isUuid(actorId) ? await tx.auditPerson.findUnique({ where: { userId: actorId } }) : null;
  return person?.pseudonym ?? NOBODY;
}

/** Puts people in the place of their pseudonyms, as long as their accounts are there, and opens where they were. */
export async function namePeople(tx: AuthTx, rows: readonly AuditEvent[]): Promise<AuditEventRow[]> {
  const pseudonyms = rows
    .flatMap(({ actorId, subject }) => [actorId, subject])
    .filter((id) => id !== null && isUuid(id));
  const people = await tx.auditPerson.findMany({ where: { pseudonym: { in: pseudonyms as string[] } } });
  const byPseudonym = new Map(people.map((person) => [person.pseudonym, person]));
  return rows.map(({ sealedOrigin, ...row }) => {
    const actor = byPseudonym.get(row.actorId ?? '');
    const subject = byPseudonym.get(row.subject ?? '');
    const key = (row.actorId === null ? subject : actor)?.key;
    return {
      ...row,
      actorId: actor?.userId ?? null,
      subject: subject?.userId ?? row.subject,
      ...(sealedOrigin && key && openOrigin(sealedOrigin, key)),
    };
  });
}

function parsePosition(cursor: string): bigint {
  const [position, ...rest] = decodeCursor(cursor);
  if (typeof position !== 'string' || !/^\d{1,18}$/.test(position) || rest.length > 0) throw invalidCursor();
  return BigInt(position);
}
