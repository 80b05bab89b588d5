import { inTransaction } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { CompleteLoginInput } from '../../generated/graphql.js';
import { recordAlone, recordAudit } from '../audit/service.js';
import type { Pause } from '../lockout/service.js';
import { accountLocked, type AccountLocked } from '../passwords/service.js';
import { findChallenge, lockChallenge, spendCode, WRONG_CODE, type InvalidCode } from '../second-factor/service.js';
import { announceReplaced, lockUser, openSession, recordOpened, type AuthPayloadRow } from '../sessions/service.js';

const NO_CHALLENGE: InvalidCode = {
  __typename: 'InvalidCodeProblem',
  message: 'This login was begun too long ago, was completed, or was begun elsewhere. Log in again.',
  mayTryAgain: false,
};

/**
 * Opens the session of somebody whose password was right, by a code of the authenticator or a recovery code. Codes are guessed as
 * passwords are, and counted with them: before they are compared, and many at once are as many.
 *
 * The challenge is used up by the right code alone; of many requests that bring it at once, one is let in.
 */
export async function completeLogin(
  context: AuthContext,
  { challenge, code }: CompleteLoginInput,
): Promise<AuthPayloadRow | InvalidCode | AccountLocked> {
  const { db, log, telemetry } = context;
  const found = await findChallenge(context, db, challenge);
  const user = found && (await db.user.findUnique({ where: { id: found.userId } }));
  if (!user) {
    telemetry.login(log, 'refused');
    return NO_CHALLENGE;
  }
  const { id: userId } = user;
  const attempt = await context.lockout.begin({ email: user.email, client: context.clientInfo });
  const refuseLocked = async ({ scope, retryAfterSeconds }: Pause) => {
    telemetry.login(log, 'locked', userId, scope);
    await recordAlone(db, context, {
      action: 'LOCKOUT',
      outcome: 'FAILURE',
      actorId: null,
      subject: userId,
      details: { scope, secondFactor: true },
    });
    return accountLocked(retryAfterSeconds);
  };
  if (attempt.kind === 'locked') return refuseLocked(attempt);
  const outcome = await inTransaction(db, async (tx) => {
    const current = await lockUser(tx, userId, 'SHARE');
    if (!current || !(await lockChallenge(tx, found))) return NO_CHALLENGE;
    const spent = await spendCode(context, tx, userId, code);
    if (!spent) return WRONG_CODE;
    await tx.loginChallenge.delete({ where: { id: found.id } });
    const session = await openSession(context, tx, current);
    const facts = { outcome: 'SUCCESS', actorId: userId, subject: userId } as const;
    if (spent.by === 'recovery-code')
      await recordAudit(tx, context, {
        ...facts,
        action: 'RECOVERY_CODE_USED',
        details: { left: spent.recoveryCodesLeft },
      });
    await recordOpened(context, tx, session, { secondFactor: spent.by });
    return { spent, session };
  });
  if ('__typename' in outcome) {
    await attempt.failed();
    if (attempt.pause) return refuseLocked(attempt.pause);
    telemetry.login(log, 'refused', userId);
    await recordAlone(db, context, {
      action: 'LOGIN',
      outcome: 'FAILURE',
      actorId: null,
      subject: userId,
      details: { secondFactor: 'refused' },
    });
    return outcome;
  }
  const { spent, session } = outcome;
  telemetry.login(log, 'ok', userId);
  await attempt.succeeded();
  await announceReplaced(context, session);
  if (spent.by === 'recovery-code') {
    telemetry.secondFactor(log, 'recovery_code', userId);
    context.post.later(log, async () => context.letters.recoveryCodeUsed(user, spent.recoveryCodesLeft));
  }
  return session;
}
