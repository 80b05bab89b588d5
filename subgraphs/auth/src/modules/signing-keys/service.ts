import { forbidden, inTransaction, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { lockLiveSession } from '../sessions/service.js';

/**
 * Makes the next signing key, for administrators. The role is that of this moment: a token may remember another.
 *
 * @throws UNAUTHENTICATED when the session of the token has ended; FORBIDDEN to everybody else
 */
export async function rotateSigningKey(context: AuthContext): Promise<{ readonly keyId: string }> {
  const { userId } = requireViewer(context);
  const { role } = await inTransaction(context.db, (tx) => lockLiveSession(context, tx));
  if (role !== 'ADMIN') throw forbidden('Only administrators change signing keys.');
  const { kid } = await context.keyRing.rotate({ origin: context, actorId: userId, by: 'request' });
  context.telemetry.signingKeyAsked(context.log, kid, userId);
  return { keyId: kid };
}
