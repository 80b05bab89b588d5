import type { AuthTx } from '../../db.js';
import { namePeople } from './list-events.js';

/**
 * Lists what is on record of a person, in pages, the oldest first: what they have done, and what was done to their account, by whomever.
 * Where others were is theirs, and is left out with who they are.
 */
export async function* listAuditOf(
  tx: AuthTx,
  userId: string,
): AsyncGenerator<ReadonlyArray<Record<string, unknown>>, void, void> {
  const person = await tx.auditPerson.findUnique({ where: { userId } });
  if (!person) return;
  const { pseudonym } = person;
  for (let after = 0n; ;) {
    const rows = await tx.auditEvent.findMany({
      where: { OR: [{ actorId: pseudonym }, { subject: pseudonym }], position: { gt: after } },
      orderBy: { position: 'asc' },
      take: EXPORTED_PAGE,
    });
    const byOthers = new Set(
      rows.filter(({ actorId }) => actorId !== null && actorId !== pseudonym).map(({ id }) => id),
    );
    const pseudonyms = new Map(rows.map(({ id, subject }) => [id, subject]));
    yield (await namePeople(tx, rows)).map(
      ({ id, at, action, outcome, actorId, subject, ipAddress, userAgent, requestId, details }) => {
        const isAnother = byOthers.has(id);
        // On whom an administrator has acted is theirs too; on what is not.
        const isOnAnother = subject !== userId && subject !== pseudonyms.get(id);
        return {
          ...{ id, at, action, outcome, requestId, details },
          subject: isOnAnother ? null : subject,
          by: isAnother ? 'ANOTHER' : actorId === userId ? 'YOU' : 'UNKNOWN',
          ipAddress: isAnother ? null : ipAddress,
          userAgent: isAnother ? null : userAgent,
        };
      },
    );
    const last = rows.at(-1);
    if (!last || rows.length < EXPORTED_PAGE) return;
    after = last.position;
  }
}

const EXPORTED_PAGE = 500;
