import { inTransaction } from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';
import type { Role } from '../../generated/prisma/client.js';
import { recordAudit, type AuditOrigin } from '../audit/service.js';
import { endSessions, lockUser } from '../sessions/service.js';

/**
 * Gives somebody a role. Who has it already keeps it, and nothing is recorded a second time. Sessions of who is no administrator any more end:
 * what their access tokens say of the role counts for nothing then, as with every session that has ended.
 *
 * @param email as it is stored
 * @returns whether the role is another now; null when there is no account with the address
 */
export async function changeRole(db: AuthDb, origin: AuditOrigin, email: string, role: Role): Promise<boolean | null> {
  return inTransaction(db, async (tx) => {
    const found = await tx.user.findUnique({ where: { email }, select: { id: true } });
    const user = found && (await lockUser(tx, found.id, 'NO KEY UPDATE'));
    if (!user) return null;
    if (user.role === role) return false;
    await tx.$executeRaw`SELECT set_config('taskgraph.role_change', 'recorded', true)`;
    await tx.user.update({ where: { id: user.id }, data: { role } });
    const sessions = role === 'ADMIN' ? [] : await endSessions(tx, { userId: user.id });
    await recordAudit(tx, origin, {
      action: 'ROLE_CHANGE',
      outcome: 'SUCCESS',
      actorId: null,
      subject: user.id,
      details: { role, by: 'command', ...(sessions.length > 0 && { sessions }) },
    });
    return true;
  });
}

const AT_ONCE = 100;

/** Puts on record which roles were changed by statements of somebody who has the database: a trigger has noted them. Returns how many. */
export async function recordNotedChanges(db: AuthDb, origin: AuditOrigin): Promise<number> {
  return inTransaction(db, async (tx) => {
    const noted = await tx.$queryRaw<Array<{ userId: string; role: Role; changedAt: Date }>>`
      DELETE FROM role_changes WHERE id IN (SELECT id FROM role_changes ORDER BY id LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)
      RETURNING user_id AS "userId", role::text AS role, changed_at AS "changedAt"`;
    if (noted.length > 0)
      await recordAudit(
        tx,
        origin,
        noted.map(({ userId, role, changedAt }) => ({
          action: 'ROLE_CHANGE',
          outcome: 'SUCCESS',
          actorId: null,
          subject: userId,
          details: { role, by: 'database', at: changedAt.toISOString() },
        })),
      );
    return noted.length;
  });
}
