import type { DomainEvent } from '@taskgraph/contracts';
import type { Log } from '@taskgraph/service-kit';
import type { AuthTx } from '../../db.js';
import { recordAudit } from './service.js';

type PrivilegedRead = DomainEvent<'task.privileged-read.v1' | 'media.privileged-read.v1'>;

/**
 * Puts on record what an administrator has read in another service: of each user whose list it was a row, so that the log can forget who
 * that is, and one of all else.
 */
export async function recordPrivilegedRead(tx: AuthTx, event: PrivilegedRead, log: Log): Promise<void> {
  const { actorId, subjects, ipAddress = null, userAgent = null } = event.data;
  const origin = { clientInfo: { ipAddress, userAgent, clientName: null }, requestId: event.requestId ?? null, log };
  const facts = { action: 'PRIVILEGED_READ', outcome: 'SUCCESS', actorId } as const;
  const ofUsers = subjects.filter(({ kind }) => kind.endsWith('-of-user'));
  for (const { kind, id } of ofUsers) {
    const user = id === null ? null : await tx.user.findUnique({ where: { id }, select: { id: true } });
    await recordAudit(tx, origin, { ...facts, subject: user?.id ?? null, details: { what: kind, at: event.time } });
  }
  const others = subjects.filter((subject) => !ofUsers.includes(subject));
  if (others.length === 0) return;
  const [first, ...rest] = others;
  await recordAudit(tx, origin, {
    ...facts,
    subject: rest.length === 0 ? (first?.id ?? first?.kind ?? null) : null,
    details: {
      what: [...new Set(others.map(({ kind }) => kind))],
      ids: others.flatMap(({ id }) => id ?? []),
      at: event.time,
    },
  });
}
