import { inTransaction } from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';
import { recordAudit, type AuditOrigin } from '../audit/service.js';
import { turnOff } from './service.js';

/**
 * Turns off the second factor of somebody who has lost the authenticator and the recovery codes, for an operator who knows that it is the
 * owner who asks. The audit log says so.
 *
 * @param email as it is stored
 * @returns whether it was on; null when there is no account with the address
 */
export async function resetSecondFactor(db: AuthDb, origin: AuditOrigin, email: string): Promise<boolean | null> {
  return inTransaction(db, async (tx) => {
    const user = await tx.user.findUnique({ where: { email }, select: { id: true } });
    if (!user) return null;
    const wasOn = await turnOff(tx, user.id);
    if (wasOn)
      await recordAudit(tx, origin, {
        action: 'SECOND_FACTOR_DISABLED',
        outcome: 'SUCCESS',
        actorId: null,
        subject: user.id,
        details: { by: 'command' },
      });
    return wasOn;
  });
}
