import type { AuthContext } from '../../context.js';
import type { AuthDbClient, AuthTx } from '../../db.js';
import type { LoginChallenge } from '../../generated/prisma/client.js';
import { createOpaqueToken, hashOpaqueToken } from '../../opaque-token.js';
import { fingerprintOf } from '../sessions/service.js';

type Opener = Pick<AuthContext, 'clientInfo' | 'challengeLifetimeMs'>;

/** Makes a challenge for somebody whose password was right, for the program that has given it. */
export async function createChallenge(
  { clientInfo, challengeLifetimeMs }: Opener,
  tx: AuthTx,
  userId: string,
): Promise<{ readonly challenge: string; readonly expiresIn: number }> {
  const challenge = createOpaqueToken();
  const tokenHash = hashOpaqueToken(challenge);
  if (!tokenHash) throw new Error('a new challenge does not have its own form');
  const now = Date.now();
  await tx.loginChallenge.deleteMany({ where: { userId, expiresAt: { lt: new Date(now) } } });
  await tx.loginChallenge.create({
    data: {
      userId,
      tokenHash,
      boundTo: fingerprintOf(clientInfo.userAgent),
      expiresAt: new Date(now + challengeLifetimeMs),
    },
  });
  return { challenge, expiresIn: Math.floor(challengeLifetimeMs / 1000) };
}

/** Finds a challenge that this program may answer now. */
export async function findChallenge(
  { clientInfo }: Pick<AuthContext, 'clientInfo'>,
  db: AuthDbClient,
  challenge: string,
): Promise<LoginChallenge | null> {
  const tokenHash = hashOpaqueToken(challenge);
  const found = tokenHash && (await db.loginChallenge.findUnique({ where: { tokenHash } }));
  const isGood =
    found && found.expiresAt > new Date() && Buffer.from(found.boundTo).equals(fingerprintOf(clientInfo.userAgent));
  return isGood ? found : null;
}

/** Locks a challenge until the end of the transaction; false when it was used, taken back, or has expired meanwhile. */
export async function lockChallenge(tx: AuthTx, { id }: Pick<LoginChallenge, 'id'>): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT id FROM login_challenges WHERE id = ${id}::uuid AND expires_at > now() FOR UPDATE`;
  return rows.length > 0;
}
