import { appendEvents, inTransaction, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { isUniqueViolation } from '../../db.js';
import type { ChangePasswordInput, LoginInput, RegisterInput, UpdateProfileInput } from '../../generated/graphql.js';
import { forgetChallenges, letIn, type SecondFactorRequired } from '../second-factor/service.js';
import {
  announceReplaced,
  assertLiveSession,
  endSessions,
  lockLiveSession,
  lockUser,
  openSession,
  recordOpened,
  type AuthPayloadRow,
} from '../sessions/service.js';
import { recordAlone, recordAudit } from '../audit/service.js';
import type { Pause } from '../lockout/service.js';
import type { UserRow } from '../users/mappers.js';
import { getUser } from '../users/service.js';
import { forgetAccountTokens } from '../../mail/account-tokens.js';
import { verificationMail } from '../../mail/verification-mail.js';
import {
  accountLocked,
  checkNewPassword,
  confirmPassword,
  knowsPassword,
  parseNewPassword,
  renewHash,
  WRONG_PASSWORD,
  type AccountLocked,
  type InvalidCredentials,
  type WeakPassword,
} from '../passwords/service.js';
import { normaliseEmail, parseDisplayName, parseEmail } from './account-input.js';

export { normaliseEmail, parseEmail } from './account-input.js';

export interface EmailTaken {
  readonly __typename: 'EmailTakenProblem';
  readonly message: string;
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
  const weakness = await checkNewPassword(context, password, [email, displayName]);
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
      await recordOpened(context, tx, session, { action: 'REGISTER' });
      return { user, session };
    });
    context.telemetry.registration(context.log, 'ok', user.id);
    await announceReplaced(context, session);
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

/**
 * Opens a session, or asks for the second factor. The answer and its time are the same whether the address or the password is wrong, and so is the pause after too many
 * of them. A password whose hash was made with other parameters is hashed anew.
 *
 * Comparing takes long: a password that was changed meanwhile has let nobody in, and whose account has gone is unknown.
 */
export async function login(
  context: AuthContext,
  { email: given, password }: LoginInput,
): Promise<AuthPayloadRow | SecondFactorRequired | InvalidCredentials | AccountLocked> {
  const email = normaliseEmail(given);
  const attempt = await context.lockout.begin({ email, client: context.clientInfo });
  if (attempt.kind === 'locked') {
    // As long as for somebody who is let past this pause, so that time does not tell who that is.
    if (attempt.scope !== 'pair') await knowsPassword(context, null, password);
    // Whose account it is is looked up whether there is one or not: the answer takes as long for an address that nobody has.
    const tried = await context.db.user.findUnique({ where: { email }, select: { id: true } });
    return refuseLocked(context, attempt, tried?.id);
  }
  const user = await context.db.user.findUnique({ where: { email } });
  const accepted = await knowsPassword(context, user?.passwordHash ?? null, password);
  const answer =
    user && accepted
      ? await inTransaction(context.db, async (tx) => {
          const current = await lockUser(tx, user.id, 'SHARE');
          if (current?.passwordHash !== user.passwordHash) return null;
          const answer = await letIn(context, tx, current);
          await recordOpened(context, tx, answer);
          return answer;
        })
      : null;
  if (!answer) await attempt.failed();
  if (!answer && attempt.pause) return refuseLocked(context, attempt.pause, user?.id);
  const isChallenged = answer?.__typename === 'SecondFactorRequired';
  context.telemetry.login(context.log, isChallenged ? 'challenged' : answer ? 'ok' : 'refused', user?.id);
  if (!answer) {
    // The client that failed has not shown whose it is; the account that it tried is known.
    const subject = user?.id ?? null;
    await recordAlone(context.db, context, { action: 'LOGIN', outcome: 'FAILURE', actorId: null, subject });
    return INVALID_CREDENTIALS;
  }
  await announceReplaced(context, answer);
  // A client with half of what it takes has not succeeded yet: the wrong codes of before stay counted.
  await (isChallenged ? attempt.takeBack() : attempt.succeeded());
  if (user) await renewHash(context, user, password);
  return answer;
}

/** @param userId of the account that was tried; undefined when there is none */
async function refuseLocked(
  context: AuthContext,
  { scope, retryAfterSeconds }: Pause,
  userId: string | undefined,
): Promise<AccountLocked> {
  context.telemetry.login(context.log, 'locked', userId, scope);
  await recordAlone(context.db, context, {
    action: 'LOCKOUT',
    outcome: 'FAILURE',
    actorId: null,
    subject: userId ?? null,
    details: { scope },
  });
  return accountLocked(retryAfterSeconds);
}

/**
 * Changes the password, ends the other sessions and takes back the links of before, in one transaction. Of two changes at once that know the same password, the
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
  const weakness = await checkNewPassword(context, password, [user.email, user.displayName]);
  if (weakness) return weakness;
  const passwordHash = await context.passwords.hash(password, context.signal);
  const outcome = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    if (current.passwordHash !== user.passwordHash) return null;
    const done = {
      changed: await tx.user.update({ where: { id: userId }, data: { passwordHash } }),
      ended: await endSessions(tx, { userId, id: { not: sessionId } }),
    };
    await forgetChallenges(tx, userId);
    await forgetAccountTokens(tx, userId);
    await recordAudit(tx, context, {
      action: 'PASSWORD_CHANGE',
      outcome: 'SUCCESS',
      actorId: userId,
      subject: userId,
      details: { endedSessions: done.ended.length, sessions: done.ended },
    });
    return done;
  });
  if (!outcome) return WRONG_PASSWORD;
  const { changed, ended } = outcome;
  context.telemetry.passwordChanged(context.log, userId);
  context.post.later(context.log, async () => context.letters.passwordChanged(changed));
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
