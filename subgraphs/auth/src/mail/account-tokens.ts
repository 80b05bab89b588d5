import type { AuthDbClient, AuthTx } from '../db.js';
import type { AccountToken } from '../generated/prisma/client.js';
import { createOpaqueToken, hashOpaqueToken } from '../opaque-token.js';

const HOUR_MS = 60 * 60 * 1000;

/** What a token lets its holder do, and for how long. */
const TOKEN_LIFETIME_MS = {
  'password-reset': HOUR_MS,
  'email-verification': 72 * HOUR_MS,
  'email-change': HOUR_MS,
} as const;
export type TokenPurpose = keyof typeof TOKEN_LIFETIME_MS;

/** Of one purpose and account: a flood of mails is nobody's wish. */
const MAX_PER_HOUR = 5;
/** PostgreSQL keeps advisory locks of one and of two keys apart; these are of two. */
const TOKEN_LOCKS = 7_041;

/** Makes a token for the holder of an address; null when there were too many lately. It is stored as its hash. */
export async function createAccountToken(
  tx: AuthTx,
  { userId, email, purpose }: { readonly userId: string; readonly email: string; readonly purpose: TokenPurpose },
): Promise<string | null> {
  const since = new Date(Date.now() - HOUR_MS);
  const token = createOpaqueToken();
  const tokenHash = hashOpaqueToken(token);
  if (!tokenHash) throw new Error('a new token does not have its own form');
  const expiresAt = new Date(Date.now() + TOKEN_LIFETIME_MS[purpose]);
  // One after the other: of many at once, each would count those that are there and find room for itself.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${TOKEN_LOCKS}::int, hashtext(${userId}))`;
  const recent = await tx.accountToken.count({ where: { userId, purpose, createdAt: { gt: since } } });
  if (recent >= MAX_PER_HOUR) return null;
  await tx.accountToken.deleteMany({ where: { userId, expiresAt: { lt: since } } });
  await tx.accountToken.create({ data: { userId, email, purpose, tokenHash, expiresAt } });
  return token;
}

/** Finds a token that can be used now. */
export async function findAccountToken(
  db: AuthDbClient,
  token: string,
  purposes: readonly TokenPurpose[],
): Promise<AccountToken | null> {
  const tokenHash = hashOpaqueToken(token);
  const found = tokenHash && (await db.accountToken.findUnique({ where: { tokenHash } }));
  const isGood =
    found &&
    found.usedAt === null &&
    found.expiresAt > new Date() &&
    purposes.some((purpose) => purpose === found.purpose);
  return isGood ? found : null;
}

/** Uses a token up; false when somebody was faster. */
export async function useAccountToken(tx: AuthTx, { id }: Pick<AccountToken, 'id'>): Promise<boolean> {
  const now = new Date();
  const { count } = await tx.accountToken.updateMany({
    where: { id, usedAt: null, expiresAt: { gt: now } },
    data: { usedAt: now },
  });
  return count === 1;
}

/**
 * Takes back the links of before that open an account, or move it to another address: a former holder of the mailbox or of the password has
 * nothing to come back with.
 */
export async function forgetAccountTokens(tx: AuthTx, userId: string): Promise<void> {
  await tx.accountToken.updateMany({
    where: { userId, usedAt: null, purpose: { in: ['password-reset', 'email-change'] } },
    data: { usedAt: new Date() },
  });
}
