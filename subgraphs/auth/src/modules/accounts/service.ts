import { AppError, appendEvents, inTransaction, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { isUniqueViolation } from '../../db.js';
import type { ChangePasswordInput, LoginInput, RegisterInput, UpdateProfileInput } from '../../generated/graphql.js';
import {
  assertLiveSession,
  endSessions,
  lockLiveSession,
  lockUser,
  openSession,
  type AuthPayloadRow,
} from '../sessions/service.js';
import { recordAlone, recordAudit } from '../audit/service.js';
import type { UserRow } from '../users/mappers.js';
import { getUser } from '../users/service.js';
import { normaliseEmail, parseDisplayName, parseEmail, parseNewPassword, possiblePasswords } from './account-input.js';
import { verificationMail } from '../../mail/verification-mail.js';
import { estimatePassword, MIN_PASSWORD_SCORE } from './password-strength.js';

export { normaliseEmail, parseEmail, parseNewPassword } from './account-input.js';

export interface EmailTaken {
  readonly __typename: 'EmailTakenProblem';
  readonly message: string;
}

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

export interface PasswordChanged {
  readonly __typename: 'ChangePasswordSuccess';
  readonly user: UserRow;
}

const EMAIL_TAKEN: EmailTaken = {
  __typename: 'EmailTakenProblem',
  message: 'There is an account with this e-mail address.',
};
const INVALID_CREDENTIALS: InvalidCredentials = {
  __typename: 'InvalidCredentialsProblem',
  message: 'The e-mail address or the password is wrong.',
};
const WRONG_PASSWORD: InvalidCredentials = {
  __typename: 'InvalidCredentialsProblem',
  message: 'The current password is wrong.',
};

/**
 * Opens an account and its first session.
 *
 * Of two registrations of one address at once, one succeeds and the other finds the address taken.
 *
 * @throws BAD_USER_INPUT when the address, name or password is malformed
 */
export async function register(
  context: AuthContext,
  input: RegisterInput,
): Promise<AuthPayloadRow | EmailTaken | WeakPassword> {
  const email = parseEmail(input.email);
  const displayName = parseDisplayName(input.displayName);
  const password = parseNewPassword(input.password);
  const weakness = await checkNewPassword(password, [email, displayName]);
  if (weakness) {
    context.telemetry.registration(context.log, 'weak_password');
    return weakness;
  }
  const passwordHash = await context.passwords.hash(password, context.signal);
  try {
    const { user, session } = await inTransaction(context.db, async (tx) => {
      const user = await tx.user.create({ data: { email, displayName, passwordHash } });
      const { id: userId } = user;
      await appendEvents(tx, [{ type: 'auth.user-registered.v1', subject: userId, data: { userId } }], context);
      const session = await openSession(context, tx, user);
      await recordAudit(tx, context, { action: 'REGISTER', outcome: 'SUCCESS', actorId: userId, subject: userId });
      return { user, session };
    });
    context.telemetry.registration(context.log, 'registered', user.id);
    context.post.later(context.log, () => verificationMail(context, user));
    return session;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    context.telemetry.registration(context.log, 'email_taken');
    await recordAlone(context.db, context, {
      action: 'REGISTER',
      outcome: 'FAILURE',
      actorId: null,
      subject: null,
      details: { reason: 'EMAIL_TAKEN' },
    });
    return EMAIL_TAKEN;
  }
}

/** The same whether there is such an account or not, and whatever is counted too often. */
export function accountLocked(retryAfterSeconds: number): AccountLocked {
  return {
    __typename: 'AccountLockedProblem',
    message: `Too many attempts have failed. Try again in ${retryAfterSeconds} seconds.`,
    retryAfter: retryAfterSeconds,
  };
}

/**
 * Opens a session. The answer and its time are the same whether the address or the password is wrong, and so is the pause after too many
 * of them. A password whose hash was made with other parameters is hashed anew.
 *
 * Comparing takes long: a password that was changed meanwhile has let nobody in, and whose account has gone is unknown.
 */
export async function login(
  context: AuthContext,
  { email: given, password }: LoginInput,
): Promise<AuthPayloadRow | InvalidCredentials | AccountLocked> {
  const email = normaliseEmail(given);
  const attempt = await context.lockout.begin({ email, client: context.clientInfo });
  if (attempt.kind === 'locked') {
    context.telemetry.login(context.log, 'locked', undefined, attempt.scope);
    await recordAlone(context.db, context, {
      action: 'LOCKOUT',
      outcome: 'FAILURE',
      actorId: null,
      subject: null,
      details: { scope: attempt.scope },
    });
    return accountLocked(attempt.retryAfterSeconds);
  }
  const user = await context.db.user.findUnique({ where: { email } });
  const accepted = await knowsPassword(context, user?.passwordHash ?? null, password);
  const session =
    user && accepted
      ? await inTransaction(context.db, async (tx) => {
          const current = await lockUser(tx, user.id, 'SHARE');
          if (current?.passwordHash !== user.passwordHash) return null;
          const opened = await openSession(context, tx, current);
          await recordAudit(tx, context, { action: 'LOGIN', outcome: 'SUCCESS', actorId: user.id, subject: user.id });
          return opened;
        })
      : null;
  context.telemetry.login(context.log, session ? 'accepted' : 'refused', user?.id);
  if (!session) {
    // Whoever failed is not known to be whom he says; the account that he tried is.
    const subject = user?.id ?? null;
    await recordAlone(context.db, context, { action: 'LOGIN', outcome: 'FAILURE', actorId: null, subject });
    return INVALID_CREDENTIALS;
  }
  await attempt.succeeded();
  if (user) await renewHash(context, user, password);
  return session;
}

/**
 * Changes the password and ends the other sessions, in one transaction. Of two changes at once that know the same password, the
 * second finds that it does not know it any more.
 *
 * @throws UNAUTHENTICATED when the session of the token has ended
 * @throws BAD_USER_INPUT when the new password is too short or too long
 */
export async function changePassword(
  context: AuthContext,
  { currentPassword, newPassword }: ChangePasswordInput,
): Promise<PasswordChanged | InvalidCredentials | WeakPassword> {
  await assertLiveSession(context);
  const { userId, sessionId } = requireViewer(context);
  const password = parseNewPassword(newPassword);
  const user = await getUser(context, userId);
  const refused = await confirmPassword(context, user, currentPassword);
  if (refused) {
    await recordAlone(context.db, context, {
      action: 'PASSWORD_CHANGE',
      outcome: 'FAILURE',
      actorId: userId,
      subject: userId,
    });
    return refused;
  }
  const weakness = await checkNewPassword(password, [user.email, user.displayName]);
  if (weakness) return weakness;
  const passwordHash = await context.passwords.hash(password, context.signal);
  const outcome = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    if (current.passwordHash !== user.passwordHash) return null;
    const done = {
      changed: await tx.user.update({ where: { id: userId }, data: { passwordHash } }),
      ended: await endSessions(tx, { userId, id: { not: sessionId } }),
    };
    await recordAudit(tx, context, {
      action: 'PASSWORD_CHANGE',
      outcome: 'SUCCESS',
      actorId: userId,
      subject: userId,
      details: { endedSessions: done.ended.length },
    });
    return done;
  });
  if (!outcome) return WRONG_PASSWORD;
  const { changed, ended } = outcome;
  context.telemetry.passwordChanged(context.log, userId);
  context.post.later(context.log, async () => context.letters.passwordChanged(changed.email, changed.displayName));
  context.telemetry.sessionsRevoked(context.log, 'password_changed', userId, ended.length);
  await context.revocations.announce(ended);
  return { __typename: 'ChangePasswordSuccess', user: changed };
}

/**
 * Changes what others see of the viewer. What is not given stays.
 *
 * @throws UNAUTHENTICATED when the session has ended; BAD_USER_INPUT when nothing of the name is seen, or it is too long
 */
export async function updateProfile(
  context: AuthContext,
  { displayName }: UpdateProfileInput,
): Promise<{ user: UserRow }> {
  const name = displayName == null ? null : parseDisplayName(displayName);
  return inTransaction(context.db, async (tx) => {
    const user = await lockLiveSession(context, tx);
    if (name === null || name === user.displayName) return { user };
    return { user: await tx.user.update({ where: { id: user.id }, data: { displayName: name } }) };
  });
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
    const { message, retryAfter } = accountLocked(attempt.retryAfterSeconds);
    throw new AppError('RATE_LIMITED', message, { reason: 'ACCOUNT_LOCKED', extensions: { retryAfter } });
  }
  if (!(await knowsPassword(context, user.passwordHash, password))) return WRONG_PASSWORD;
  await attempt.succeeded();
  return null;
}

/** Stores the password, which is known now, by the present parameters and in its one form, where it is not stored so already. */
async function renewHash(context: AuthContext, { id, passwordHash }: UserRow, text: string): Promise<void> {
  const [password = text] = possiblePasswords(text);
  const isInOneForm = password === text || (await context.passwords.verify(passwordHash, password, context.signal));
  if (isInOneForm && !context.passwords.isOutdated(passwordHash)) return;
  const renewed = await context.passwords.hash(password, context.signal);
  // A password that was changed meanwhile stays changed.
  await context.db.user.updateMany({ where: { id, passwordHash }, data: { passwordHash: renewed } });
  context.telemetry.passwordRehashed(context.log, id);
}

/** Compares every form in which the password may have been set, whether one matches or not: time tells nothing. */
async function knowsPassword(
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

/** Judges a new password. Null when it is good enough. */
export async function checkNewPassword(password: string, personal: readonly string[]): Promise<WeakPassword | null> {
  const { score, suggestions } = await estimatePassword(password, personal);
  if (score >= MIN_PASSWORD_SCORE) return null;
  return { __typename: 'WeakPasswordProblem', message: 'This password is too easy to guess.', score, suggestions };
}
