import { inTransaction, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { isUniqueViolation } from '../../db.js';
import type { ChangeEmailInput, ResetPasswordInput } from '../../generated/graphql.js';
import {
  createAccountToken,
  findAccountToken,
  forgetAccountTokens,
  useAccountToken,
} from '../../mail/account-tokens.js';
import { verificationMail } from '../../mail/verification-mail.js';
import { normaliseEmail, parseEmail } from '../accounts/service.js';
import { recordAlone, recordAudit } from '../audit/service.js';
import {
  checkNewPassword,
  confirmPassword,
  parseNewPassword,
  WRONG_PASSWORD,
  type InvalidCredentials,
  type WeakPassword,
} from '../passwords/service.js';
import { forgetChallenges, letIn, turnOff, type SecondFactorRequired } from '../second-factor/service.js';
import {
  announceReplaced,
  assertLiveSession,
  endSessions,
  lockLiveSession,
  lockUser,
  recordOpened,
  type AuthPayloadRow,
} from '../sessions/service.js';
import type { UserRow } from '../users/mappers.js';
import { getUser } from '../users/service.js';

export interface InvalidToken {
  readonly __typename: 'InvalidTokenProblem';
  readonly message: string;
}

export interface EmailVerified {
  readonly __typename: 'VerifyEmailSuccess';
  readonly user: UserRow;
}

export interface EmailChangeRequested {
  readonly __typename: 'ChangeEmailRequested';
  readonly email: string;
}

const INVALID_TOKEN: InvalidToken = {
  __typename: 'InvalidTokenProblem',
  message: 'This link is not good any more: it was used, or its time is over. Ask for another.',
};
const ACCEPTED = { accepted: true } as const;

/** Sends a link for a new password, when there is such an account. The answer tells nothing of that, nor does its time. */
export function requestPasswordReset(context: AuthContext, given: string): { readonly accepted: boolean } {
  const email = normaliseEmail(given);
  context.post.muchLater(context.log, async () => {
    const user = await context.db.user.findUnique({ where: { email } });
    context.telemetry.passwordResetRequested(context.log, user?.id);
    if (!user) return null;
    const token = await inTransaction(context.db, (tx) =>
      createAccountToken(tx, { userId: user.id, email, purpose: 'password-reset' }),
    );
    return token === null ? null : context.letters.resetPassword(user, token);
  });
  return ACCEPTED;
}

/**
 * Sets a new password by the link of a mail, ends all sessions and opens one, or asks for the second factor: a reader of
 * somebody's mails has not got their authenticator. The link is used up then, and by a password that is too weak it is not. It has shown that the
 * address is the owner's.
 *
 * A factor that is on before anybody has shown that falls: the user who has set it up may have opened the account with the address of
 * somebody else, and would keep the owner of the address out.
 *
 * @throws BAD_USER_INPUT when the new password is too short or too long
 */
export async function resetPassword(
  context: AuthContext,
  { token, newPassword }: ResetPasswordInput,
): Promise<AuthPayloadRow | SecondFactorRequired | InvalidToken | WeakPassword> {
  const password = parseNewPassword(newPassword);
  const found = await findAccountToken(context.db, token, ['password-reset']);
  const user = found && (await context.db.user.findUnique({ where: { id: found.userId } }));
  if (!user || found.email !== user.email) return INVALID_TOKEN;
  const weakness = await checkNewPassword(context, password, [user.email, user.displayName]);
  if (weakness) return weakness;
  const passwordHash = await context.passwords.hash(password, context.signal);
  const outcome = await inTransaction(context.db, async (tx) => {
    const current = await lockUser(tx, user.id, 'NO KEY UPDATE');
    if (current?.email !== found.email || !(await useAccountToken(tx, found))) return null;
    const changed = await tx.user.update({
      where: { id: user.id },
      data: { passwordHash, emailVerifiedAt: current.emailVerifiedAt ?? new Date() },
    });
    await forgetAccountTokens(tx, user.id);
    await forgetChallenges(tx, user.id);
    const ended = await endSessions(tx, { userId: user.id });
    const isFactorOff = current.emailVerifiedAt === null && (await turnOff(tx, user.id));
    const session = await letIn(context, tx, changed);
    await recordAudit(tx, context, {
      action: 'PASSWORD_CHANGE',
      outcome: 'SUCCESS',
      actorId: user.id,
      subject: user.id,
      details: { by: 'mail', sessionsEnded: ended.length, sessions: ended },
    });
    if (isFactorOff)
      await recordAudit(tx, context, {
        action: 'SECOND_FACTOR_DISABLED',
        outcome: 'SUCCESS',
        actorId: user.id,
        subject: user.id,
        details: { by: 'mail' },
      });
    await recordOpened(context, tx, session, { by: 'mail' });
    return { ended, session, isFactorOff };
  });
  if (!outcome) return INVALID_TOKEN;
  context.telemetry.passwordChanged(context.log, user.id);
  context.telemetry.sessionsRevoked(context.log, 'password_reset', user.id, outcome.ended.length);
  await context.revocations.announce(outcome.ended);
  await announceReplaced(context, outcome.session);
  context.post.later(context.log, async () => context.letters.passwordChanged(user));
  if (outcome.isFactorOff) {
    context.telemetry.secondFactor(context.log, 'disabled', user.id);
    context.post.later(context.log, async () => context.letters.secondFactorOff(user));
  }
  return outcome.session;
}

/** Sends the link that confirms the address of the viewer's account, unless that is confirmed. */
export async function requestEmailVerification(context: AuthContext): Promise<{ readonly accepted: boolean }> {
  await assertLiveSession(context);
  const user = await getUser(context, requireViewer(context).userId);
  if (!user.emailVerifiedAt) context.post.later(context.log, () => verificationMail(context, user));
  return ACCEPTED;
}

/** Confirms an address by the link of a mail, be it that of an account or one that it is to have from now on. */
export async function verifyEmail(context: AuthContext, token: string): Promise<EmailVerified | InvalidToken> {
  const found = await findAccountToken(context.db, token, ['email-verification', 'email-change']);
  if (!found) return INVALID_TOKEN;
  const isChange = found.purpose === 'email-change';
  const outcome = await inTransaction(context.db, async (tx) => {
    const current = await lockUser(tx, found.userId, 'NO KEY UPDATE');
    if (!current || (!isChange && current.email !== found.email) || !(await useAccountToken(tx, found))) return null;
    if (isChange) await forgetAccountTokens(tx, current.id);
    const data = { email: found.email, emailVerifiedAt: new Date() };
    const after = await tx.user.update({ where: { id: current.id }, data });
    if (isChange)
      await recordAudit(tx, context, {
        action: 'EMAIL_CHANGE',
        outcome: 'SUCCESS',
        actorId: current.id,
        subject: current.id,
      });
    return { before: current, after };
  }).catch((error: unknown) => {
    // Somebody else has the address by now.
    if (isUniqueViolation(error)) return null;
    throw error;
  });
  if (!outcome) return INVALID_TOKEN;
  const { before, after } = outcome;
  context.telemetry.emailVerified(context.log, after.id, isChange);
  if (before.email !== after.email) context.post.later(context.log, async () => context.letters.emailChanged(before));
  context.issuedTo.add(after.id);
  return { __typename: 'VerifyEmailSuccess', user: after };
}

/**
 * Sends a link to the address that the viewer's account is to have. It changes when the link is opened, and the old address is told. The
 * answer does not tell whether another account has the address: a mail does, to its reader.
 *
 * @throws UNAUTHENTICATED when the session has ended; BAD_USER_INPUT when it cannot be an address; RATE_LIMITED after too many wrong passwords
 */
export async function changeEmail(
  context: AuthContext,
  input: ChangeEmailInput,
): Promise<EmailChangeRequested | InvalidCredentials> {
  await assertLiveSession(context);
  const email = parseEmail(input.email);
  const user = await getUser(context, requireViewer(context).userId);
  const refused = await confirmPassword(context, user, input.password);
  if (refused) {
    const facts = { action: 'EMAIL_CHANGE', outcome: 'FAILURE', actorId: user.id, subject: user.id } as const;
    await recordAlone(context.db, context, facts);
    return refused;
  }
  // Comparing takes long: a password that was changed meanwhile is not known any more, and a session that has ended asks for nothing.
  const made = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    if (current.passwordHash !== user.passwordHash) return null;
    return { token: await createAccountToken(tx, { userId: user.id, email, purpose: 'email-change' }) };
  });
  if (!made) return WRONG_PASSWORD;
  const { token } = made;
  context.post.later(context.log, async () => {
    if (token === null) return null;
    const taken = await context.db.user.findUnique({ where: { email } });
    return taken ? context.letters.emailTaken(email) : context.letters.confirmNewEmail(email, token);
  });
  return { __typename: 'ChangeEmailRequested', email };
}
