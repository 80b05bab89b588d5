import { AppError, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { recordAlone, type AuditFacts } from '../audit/service.js';
import type { Pause } from '../lockout/service.js';
import { assertLiveSession } from '../sessions/service.js';
import type { UserRow } from '../users/mappers.js';
import { getUser } from '../users/service.js';
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
 * Asks for the password of somebody who is signed in: a session that was stolen, or left open, is no way to guess it. Null when it is right,
 * and the session has a proof of this moment then.
 *
 * @throws RATE_LIMITED with `retryAfter` after too many that were wrong
 */
export async function confirmPassword(
  context: AuthContext,
  user: UserRow,
  password: string,
): Promise<InvalidCredentials | null> {
  const attempt = await context.lockout.begin({ email: user.email, client: context.clientInfo });
  const refuseLocked = async ({ scope, retryAfterSeconds }: Pause) => {
    context.telemetry.login(context.log, 'locked', user.id, scope);
    await recordAlone(context.db, context, {
      action: 'LOCKOUT',
      outcome: 'FAILURE',
      actorId: user.id,
      subject: user.id,
      details: { scope },
    });
    const { message, retryAfter } = accountLocked(retryAfterSeconds);
    return new AppError('RATE_LIMITED', message, { reason: 'ACCOUNT_LOCKED', extensions: { retryAfter } });
  };
  if (attempt.kind === 'locked') throw await refuseLocked(attempt);
  if (!(await knowsPassword(context, user.passwordHash, password))) {
    await attempt.failed();
    if (attempt.pause) throw await refuseLocked(attempt.pause);
    return WRONG_PASSWORD;
  }
  await attempt.succeeded();
  // A password that was changed while it was compared has shown nothing.
  await context.db.session.updateMany({
    where: { id: requireViewer(context).sessionId, revokedAt: null, user: { passwordHash: user.passwordHash } },
    data: { authenticatedAt: new Date() },
  });
  return null;
}

/**
 * Asks the viewer for a proof that is not old: the password, given now, or given to this session lately, be it when it was opened.
 * Renewing a session is none. This is the one rule for what changes how somebody is let in and has no password of its own to ask for
 * (OWASP ASVS 5, 7.5.1 and 7.5.2); a refusal is on record.
 *
 * @param action what is refused
 * @throws UNAUTHENTICATED when the session has ended; FORBIDDEN with `REAUTHENTICATION_REQUIRED` or `WRONG_PASSWORD`; RATE_LIMITED
 */
export async function assertRecentProof(
  context: AuthContext,
  password: string | null | undefined,
  action: AuditFacts['action'],
): Promise<void> {
  await assertLiveSession(context);
  const { userId, sessionId } = requireViewer(context);
  const refuse = async (message: string, reason: string, extensions?: Record<string, number>) => {
    const facts = { outcome: 'FAILURE', actorId: userId, subject: userId, details: { reason } } as const;
    await recordAlone(context.db, context, { ...facts, action });
    return new AppError('FORBIDDEN', message, { reason, extensions });
  };
  if (password != null) {
    const refused = await confirmPassword(context, await getUser(context, userId), password);
    if (refused) throw await refuse(refused.message, 'WRONG_PASSWORD');
  }
  const maxAgeMs = context.reauthenticationMaxAgeMs;
  const since = new Date(Date.now() - maxAgeMs);
  if ((await context.db.session.count({ where: { id: sessionId, userId, authenticatedAt: { gt: since } } })) > 0)
    return;
  throw await refuse('Give your password with this change, or log in again.', 'REAUTHENTICATION_REQUIRED', {
    maxAgeSeconds: maxAgeMs / 1000,
  });
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
