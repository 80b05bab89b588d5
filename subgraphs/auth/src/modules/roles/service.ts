import { inTransaction } from '@taskgraph/service-kit';
import type { AuthDb, AuthTx } from '../../db.js';
import type { Role } from '../../generated/prisma/client.js';
import { recordAudit, type AuditFacts, type AuditOrigin } from '../audit/service.js';
import { endSessions, lockUser } from '../sessions/service.js';

/**
 * Gives somebody a role. A user who has it already keeps it, and nothing is recorded a second time. Sessions of a user who is no administrator
 * any more end: what their access tokens say of the role counts for nothing then, as with every session that has ended.
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

interface Noted {
  readonly userId: string;
  readonly role: Role;
  readonly changedAt: Date;
}

/**
 * Puts on record which roles were changed by statements of somebody who has the database: a trigger has noted them. Sessions of users who
 * are no administrators any more end, as by the command. Returns how many there were.
 */
export async function recordNotedChanges(db: AuthDb, origin: AuditOrigin): Promise<number> {
  return inTransaction(db, async (tx) => {
    const noted = await tx.$queryRaw<Noted[]>`
      DELETE FROM role_changes WHERE id IN (SELECT id FROM role_changes ORDER BY id LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)
      RETURNING user_id AS "userId", role::text AS role, changed_at AS "changedAt"`;
    const facts: AuditFacts[] = [];
    for (const note of noted) {
      const sessions =
        note.role === 'ADMIN' ? [] : await endSessions(tx, { userId: note.userId, user: { role: 'USER' } });
      facts.push(factsOf(note, sessions));
    }
    if (facts.length > 0) await recordAudit(tx, origin, facts);
    return noted.length;
  });
}

/** Takes what is noted of somebody whose account goes, to be put on record with that. */
export async function takeNotedChangesOf(tx: AuthTx, userId: string): Promise<AuditFacts[]> {
  const noted = await tx.$queryRaw<Noted[]>`
    DELETE FROM role_changes WHERE user_id = ${userId}::uuid
    RETURNING user_id AS "userId", role::text AS role, changed_at AS "changedAt"`;
  return noted.map((note) => factsOf(note, []));
}

function factsOf({ userId, role, changedAt }: Noted, sessions: readonly string[]): AuditFacts {
  return {
    action: 'ROLE_CHANGE',
    outcome: 'SUCCESS',
    actorId: null,
    subject: userId,
    details: { role, by: 'database', at: changedAt.toISOString(), ...(sessions.length > 0 && { sessions }) },
  };
}
