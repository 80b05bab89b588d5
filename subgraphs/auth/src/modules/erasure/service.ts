import {
  appendEvents,
  dropExportsOf,
  forgetDeadOriginsOfGone,
  forgetDeadPartsOf,
  forgetOriginsOf,
  forgetPartsOf,
  inTransaction,
  requireViewer,
  type Log,
} from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuthDb, AuthTx } from '../../db.js';
import { confirmPassword, WRONG_PASSWORD, type InvalidCredentials } from '../passwords/service.js';
import { namePeople, recordAlone, recordAudit } from '../audit/service.js';
import { takeNotedChangesOf } from '../roles/service.js';
import { assertLiveSession, endSessions, lockLiveSession } from '../sessions/service.js';
import { getUser } from '../users/service.js';

export interface AccountDeleted {
  readonly __typename: 'DeleteMyAccountSuccess';
  readonly userId: string;
}

/** The services that have something of people beside this one. */
const ERASING_SERVICES = ['task', 'media'] as const;
export type ErasingService = (typeof ERASING_SERVICES)[number];

/**
 * Deletes the viewer's account: what this service has goes with it, in one transaction with the event that tells the others to erase what
 * they have, and with the note of the services that have yet to say that nothing is left.
 *
 * @throws UNAUTHENTICATED when the session of the token has ended; RATE_LIMITED after too many passwords that were wrong
 */
export async function deleteMyAccount(
  context: AuthContext,
  password: string,
): Promise<AccountDeleted | InvalidCredentials> {
  await assertLiveSession(context);
  const { userId } = requireViewer(context);
  const user = await getUser(context, userId);
  const facts = { action: 'ACCOUNT_ERASURE', actorId: userId, subject: userId } as const;
  const refused = await confirmPassword(context, user, password);
  if (refused) {
    await recordAlone(context.db, context, { ...facts, outcome: 'FAILURE' });
    return refused;
  }
  const ended = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    if (current.passwordHash !== user.passwordHash) return null;
    const sessionIds = await endSessions(tx, { userId });
    const { id } = await tx.erasure.create({ data: { userId, awaiting: [...ERASING_SERVICES] } });
    await tellToErase(tx, userId, context.requestId);
    const people = await namePeople(tx, [userId]);
    await dropExportsOf(tx, userId);
    await forgetPartsOf(tx, 'auth.data-exported.v1', userId);
    await forgetDeadPartsOf(tx, userId);
    await forgetOriginsOf(tx, userId);
    const noted = await takeNotedChangesOf(tx, userId);
    // Sessions, tokens and mails' links go with it.
    await tx.user.delete({ where: { id: userId } });
    const details = { erasureId: id, step: 'requested', sessions: sessionIds };
    await recordAudit(tx, context, [...noted, { ...facts, outcome: 'SUCCESS', details }], people);
    return sessionIds;
  });
  if (!ended) return WRONG_PASSWORD;
  context.telemetry.accountDeleted(context.log, userId);
  context.telemetry.sessionsRevoked(context.log, 'account_deleted', userId, ended.length);
  context.post.later(context.log, async () => context.letters.accountDeleted(user));
  await context.revocations.announce(ended);
  return { __typename: 'DeleteMyAccountSuccess', userId };
}

async function tellToErase(tx: AuthTx, userId: string, requestId?: string): Promise<void> {
  await appendEvents(tx, [{ type: 'auth.account-deleted.v1', subject: userId, data: { userId } }], { requestId });
}

/** Notes that a service has nothing left of somebody; the last one ends the erasure, and with it what is known of whose it was. */
export async function confirmErasure(tx: AuthTx, userId: string, service: ErasingService, log: Log): Promise<void> {
  const [erasure] = await tx.$queryRaw<Array<{ id: string; awaiting: string[]; requestId: string | null }>>`
    UPDATE erasures SET awaiting = array_remove(awaiting, ${service}) WHERE user_id = ${userId}::uuid
    RETURNING id, awaiting`;
  if (!erasure || erasure.awaiting.length > 0) return;
  await tx.erasure.update({ where: { id: erasure.id }, data: { completedAt: new Date(), userId: null } });
  const nobody = { clientInfo: { ipAddress: null, userAgent: null, clientName: null }, requestId: null, log };
  await recordAudit(tx, nobody, {
    action: 'ACCOUNT_ERASURE',
    outcome: 'SUCCESS',
    actorId: null,
    subject: null,
    details: { erasureId: erasure.id, step: 'completed' },
  });
  log.info({ erasureId: erasure.id }, 'an account is erased everywhere');
}

const TOLD_AT_ONCE = 100;

/**
 * Tells services again of accounts that they have not yet confirmed to have erased: an event may have become a dead letter, or its
 * transport may have lost it. What was given up since an account has gone says no more where its owner was.
 *
 * @returns how many erasures are pending, and since when the oldest
 */
export async function repeatErasures(
  db: AuthDb,
  olderThanMs: number,
): Promise<{ readonly pending: number; readonly oldest: Date | null }> {
  await inTransaction(db, async (tx) => {
    const due = await tx.$queryRaw<Array<{ userId: string }>>`
      UPDATE erasures SET told_at = now() WHERE id IN (
        SELECT id FROM erasures WHERE completed_at IS NULL AND told_at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)
        ORDER BY told_at LIMIT ${TOLD_AT_ONCE} FOR UPDATE SKIP LOCKED)
      RETURNING user_id AS "userId"`;
    for (const { userId } of due) await tellToErase(tx, userId);
    await forgetDeadOriginsOfGone(tx);
  });
  const { _count, _min } = await db.erasure.aggregate({
    where: { completedAt: null },
    _count: true,
    _min: { requestedAt: true },
  });
  return { pending: _count, oldest: _min.requestedAt };
}
