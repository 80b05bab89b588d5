import type { DomainEvent } from '@taskgraph/contracts';
import type { Log, RequestContext } from '@taskgraph/service-kit';
import DataLoader from 'dataloader';
import type { AuthDb, AuthTx } from '../../db.js';
import type { UserReads } from '../users/loaders.js';
import { recordAlone, recordAudit, type AuditFacts } from './service.js';

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
  const rows: AuditFacts[] = ofUsers.map(({ kind, id }) => ({
    ...facts,
    subject: id,
    details: { what: kind, at: event.time },
  }));
  const others = subjects.filter((subject) => !ofUsers.includes(subject));
  const [first, ...rest] = others;
  if (first)
    rows.push({
      ...facts,
      subject: null,
      object: rest.length === 0 ? (first.id ?? first.kind) : null,
      details: {
        what: [...new Set(others.map(({ kind }) => kind))],
        ids: others.flatMap(({ id }) => id ?? []),
        at: event.time,
      },
    });
  await recordAudit(tx, origin, rows);
}

/** Makes the record of one execution: a row of each user, in one transaction for all that are read at once. */
export function createUserReads(
  db: AuthDb,
  { viewer, clientInfo, requestId, log }: Pick<RequestContext, 'viewer' | 'clientInfo' | 'requestId' | 'log'>,
): UserReads {
  const loader = new DataLoader<string, true>(
    async (userIds) => {
      const facts = { action: 'PRIVILEGED_READ', outcome: 'SUCCESS', actorId: viewer?.userId ?? null } as const;
      await recordAlone(
        db,
        { clientInfo, requestId, log },
        userIds.map((subject) => ({ ...facts, subject, details: { what: 'user' } })),
      );
      return userIds.map(() => true);
    },
    { maxBatchSize: MAX_USERS },
  );
  return async (userId) => {
    await loader.load(userId);
  };
}

/** Of one transaction, for which others wait. */
const MAX_USERS = 100;
