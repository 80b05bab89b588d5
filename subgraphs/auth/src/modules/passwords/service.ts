import { AppError } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { recordAlone } from '../audit/service.js';
import type { UserRow } from '../users/mappers.js';
import { possiblePasswords } from './password-input.js';
import { MIN_PASSWORD_SCORE } from './password-strength.js';

export { parseNewPassword } from './password-input.js';

export interface WeakPassword {
  readonly __typename: 'WeakPasswordProblem';
  readonly message: string;
  readonly score: number;
  readonly suggestions: readonly string[];
}

export interface InvalidCredentials {
  readonly __typename: 'InvalidCredentialsProblem';
  readonly message: string;
}

export interface AccountLocked {
  readonly __typename: 'AccountLockedProblem';
  readonly message: string;
  readonly retryAfter: number;
}

export const WRONG_PASSWORD: InvalidCredentials = {
  __typename: 'InvalidCredentialsProblem',
  message: 'The current password is wrong.',
};

/** The same whether there is such an account or not, and whatever is counted too often. */
export function accountLocked(retryAfterSeconds: number): AccountLocked {
  return {
    __typename: 'AccountLockedProblem',
    message: `Too many attempts have failed. Try again in ${retryAfterSeconds} seconds.`,
    retryAfter: retryAfterSeconds,
  };
}

/**
 * Asks for the password of somebody who is signed in: a session that was stolen, or left open, is no way to guess it. Null when it is right.
 *
 * @throws RATE_LIMITED with `retryAfter` after too many that were wrong
 */
export async function confirmPassword(
  context: AuthContext,
  user: UserRow,
  password: string,
): Promise<InvalidCredentials | null> {
  const attempt = await context.lockout.begin({ email: user.email, client: context.clientInfo });
  if (attempt.kind === 'locked') {
    context.telemetry.login(context.log, 'locked', user.id, attempt.scope);
    await recordAlone(context.db, context, {
      action: 'LOCKOUT',
      outcome: 'FAILURE',
      actorId: user.id,
      subject: user.id,
      details: { scope: attempt.scope },
    });
    const { message, retryAfter } = accountLocked(attempt.retryAfterSeconds);
    throw new AppError('RATE_LIMITED', message, { reason: 'ACCOUNT_LOCKED', extensions: { retryAfter } });
  }
  if (!(await knowsPassword(context, user.passwordHash, password))) return WRONG_PASSWORD;
  await attempt.succeeded();
  return null;
}

/** Stores the password, which is known now, by the present parameters and in its one form, where it is not stored so already. */
export async function renewHash(context: AuthContext, { id, passwordHash }: UserRow, text: string): Promise<void> {
  const [password = text] = possiblePasswords(text);
  const isInOneForm = password === text || (await context.passwords.verify(passwordHash, password, context.signal));
  if (isInOneForm && !context.passwords.isOutdated(passwordHash)) return;
  const renewed = await context.passwords.hash(password, context.signal);
  // A password that was changed meanwhile stays changed.
  await context.db.user.updateMany({ where: { id, passwordHash }, data: { passwordHash: renewed } });
  context.telemetry.passwordRehashed(context.log, id);
}

/** Compares every form in which the password may have been set, whether one matches or not: time tells nothing. */
export async function knowsPassword(
  { passwords, signal }: AuthContext,
  stored: string | null,
  text: string,
): Promise<boolean> {
  const forms = possiblePasswords(text);
  let known = false;
  for (const form of forms.length > 0 ? forms : [''])
    known = (await passwords.verify(forms.length > 0 ? stored : null, form, signal)) || known;
  return known;
}

/** Judges a new password. Null when it is good enough. @throws UNAVAILABLE when too many are being judged */
export async function checkNewPassword(
  { passwordChecks, signal }: Pick<AuthContext, 'passwordChecks' | 'signal'>,
  password: string,
  personal: readonly string[],
): Promise<WeakPassword | null> {
  const { score, suggestions } = await passwordChecks.estimate(password, personal, signal);
  if (score >= MIN_PASSWORD_SCORE) return null;
  return { __typename: 'WeakPasswordProblem', message: 'This password is too easy to guess.', score, suggestions };
}
