import { inTransaction } from '@taskgraph/service-kit';
import type { AuthDb } from '../db.js';
import type { User } from '../generated/prisma/client.js';
import { createAccountToken } from './account-tokens.js';
import type { Letters } from './letters.js';
import type { Mail } from './mailer.js';

/** The mail that confirms the address of an account; null when there were too many lately. */
export async function verificationMail(
  { db, letters }: { readonly db: AuthDb; readonly letters: Letters },
  user: User,
): Promise<Mail | null> {
  const { id: userId, email } = user;
  const token = await inTransaction(db, (tx) =>
    createAccountToken(tx, { userId, email, purpose: 'email-verification' }),
  );
  return token === null ? null : letters.verifyEmail(user, token);
}
