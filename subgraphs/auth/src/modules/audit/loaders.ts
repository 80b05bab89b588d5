import type { AuthTx } from '../../db.js';
import { namePeople } from './list-events.js';

/** Lists what is on record of a person, in pages, the oldest first. */
export async function* listAuditOf(
  tx: AuthTx,
  userId: string,
): AsyncGenerator<ReadonlyArray<Record<string, unknown>>, void, void> {
  const person = await tx.auditPerson.findUnique({ where: { userId } });
  if (!person) return;
  const { pseudonym } = person;
  for (let after = 0n; ;) {
    const rows = await tx.auditEvent.findMany({
      where: { OR: [{ actorId: pseudonym }, { actorId: null, subject: pseudonym }], position: { gt: after } },
      orderBy: { position: 'asc' },
      take: EXPORTED_PAGE,
    });
    yield (await namePeople(tx, rows)).map(
      ({ id, at, action, outcome, subject, ipAddress, userAgent, requestId, details }) => ({
        ...{ id, at, action, outcome, subject, ipAddress, userAgent, requestId, details },
      }),
    );
    const last = rows.at(-1);
    if (!last || rows.length < EXPORTED_PAGE) return;
    after = last.position;
  }
}

const EXPORTED_PAGE = 500;
