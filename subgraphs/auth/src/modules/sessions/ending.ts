import { inTransaction, isUuid, notFound, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { recordAudit } from '../audit/service.js';
import { assertRecentProof } from '../passwords/service.js';
import { endSessions, lockLiveSession } from './service.js';

/** Ends the session of the request. @throws UNAUTHENTICATED when it has ended */
export async function logout(context: AuthContext): Promise<{ revokedSessions: number }> {
  const { userId, sessionId } = requireViewer(context);
  return revoke(context, 'logout', { id: sessionId, userId });
}

/** Ends all sessions of the viewer. @throws UNAUTHENTICATED when that of the request has ended; what {@link assertRecentProof} throws */
export async function logoutEverywhere(
  context: AuthContext,
  password?: string | null,
): Promise<{ revokedSessions: number }> {
  await assertRecentProof(context, password, 'LOGOUT');
  return revoke(context, 'logout_everywhere', { userId: requireViewer(context).userId });
}

/**
 * Ends a session of the viewer. To end that of the request takes no proof.
 *
 * @throws UNAUTHENTICATED when the session of the request has ended; NOT_FOUND when the viewer has no live one of this id; what
 *   {@link assertRecentProof} throws
 */
export async function revokeSession(
  context: AuthContext,
  id: string,
  password?: string | null,
): Promise<{ revokedSessions: number }> {
  if (id.toLowerCase() !== requireViewer(context).sessionId) await assertRecentProof(context, password, 'LOGOUT');
  const outcome = isUuid(id) ? await revoke(context, 'revoked', { id, userId: requireViewer(context).userId }) : null;
  if (!outcome?.revokedSessions) throw notFound('Session');
  return outcome;
}

async function revoke(
  context: AuthContext,
  reason: 'logout' | 'logout_everywhere' | 'revoked',
  where: { userId: string; id?: string },
): Promise<{ revokedSessions: number }> {
  const ended = await inTransaction(context.db, async (tx) => {
    await lockLiveSession(context, tx);
    const ids = await endSessions(tx, where);
    const { userId } = where;
    // Of a session that is not there, or has ended before, nothing is to be told.
    if (ids.length > 0)
      await recordAudit(tx, context, {
        action: 'LOGOUT',
        outcome: 'SUCCESS',
        actorId: userId,
        subject: userId,
        details: { reason, sessions: ids },
      });
    return ids;
  });
  context.telemetry.sessionsRevoked(context.log, reason, where.userId, ended.length);
  await context.revocations.announce(ended);
  return { revokedSessions: ended.length };
}
