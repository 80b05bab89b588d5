import { AppError, inTransaction, requireViewer } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuthTx } from '../../db.js';
import { recordAlone, recordAudit } from '../audit/service.js';
import { assertRecentProof, confirmPassword, WRONG_PASSWORD, type InvalidCredentials } from '../passwords/service.js';
import { assertLiveSession, lockLiveSession, openSession, type AuthPayloadRow } from '../sessions/service.js';
import type { UserRow } from '../users/mappers.js';
import { getUser } from '../users/service.js';
import { createChallenge } from './challenges.js';
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';
import { createTotpSecret, describeTotp, findTotpStep } from './totp.js';

export { findChallenge, lockChallenge } from './challenges.js';

export interface SecondFactorRequired {
  readonly __typename: 'SecondFactorRequired';
  readonly challenge: string;
  readonly expiresIn: number;
}

export interface InvalidCode {
  readonly __typename: 'InvalidCodeProblem';
  readonly message: string;
  readonly mayTryAgain: boolean;
}

export interface TotpEnabled {
  readonly __typename: 'TotpEnabled';
  readonly recoveryCodes: readonly string[];
}

export interface TotpDisabled {
  readonly __typename: 'TotpDisabled';
  readonly user: UserRow;
}

export const WRONG_CODE: InvalidCode = {
  __typename: 'InvalidCodeProblem',
  message: 'This code is wrong, or was used before. Wait for the next one.',
  mayTryAgain: true,
};
const NOT_STARTED: InvalidCode = {
  __typename: 'InvalidCodeProblem',
  message: 'No second factor is being set up: begin with startTotp.',
  mayTryAgain: false,
};
const ON = () =>
  new AppError('CONFLICT', 'A second factor is set up. Turn it off before you set up another.', {
    reason: 'SECOND_FACTOR_ON',
  });

/**
 * Lets somebody in whose password, or link of a mail, was right: opens a session, or asks for the second factor where there is one.
 * The user is locked in this very transaction: a factor that is being turned on comes before that, or after it.
 */
export async function letIn(
  context: AuthContext,
  tx: AuthTx,
  user: UserRow,
): Promise<AuthPayloadRow | SecondFactorRequired> {
  const factor = await tx.secondFactor.findUnique({ where: { userId: user.id } });
  if (!factor?.confirmedAt) return openSession(context, tx, user);
  return { __typename: 'SecondFactorRequired', ...(await createChallenge(context, tx, user.id)) };
}

/** Takes back every challenge: what let somebody come that far, the password, is another from now on. */
export async function forgetChallenges(tx: AuthTx, userId: string): Promise<void> {
  await tx.loginChallenge.deleteMany({ where: { userId } });
}

/** Forgets a second factor with its recovery codes, also one that was only begun. Returns whether it was on: of two at once, one. */
export async function turnOff(tx: AuthTx, userId: string): Promise<boolean> {
  const { count } = await tx.secondFactor.deleteMany({ where: { userId, confirmedAt: { not: null } } });
  await tx.secondFactor.deleteMany({ where: { userId } });
  await forgetChallenges(tx, userId);
  return count > 0;
}

/** What a code was, and how many recovery codes are left. */
export interface SpentCode {
  readonly by: 'totp' | 'recovery-code';
  readonly recoveryCodesLeft: number;
}

/**
 * Uses up a code of the authenticator, or a recovery code; null when it is neither, or was used before. Of many requests that bring
 * one code at once, one finds it good: the row of the code, or of the last step, is changed by one statement that looks again.
 */
export async function spendCode(
  { totpVault }: Pick<AuthContext, 'totpVault'>,
  tx: AuthTx,
  userId: string,
  code: string,
): Promise<SpentCode | null> {
  const factor = await tx.secondFactor.findUnique({ where: { userId } });
  if (!factor?.confirmedAt) return null;
  const spent = async (by: SpentCode['by']): Promise<SpentCode> => ({
    by,
    recoveryCodesLeft: await tx.recoveryCode.count({ where: { userId, usedAt: null } }),
  });
  const codeHash = hashRecoveryCode(code);
  if (codeHash) {
    const { count } = await tx.recoveryCode.updateMany({
      where: { userId, codeHash, usedAt: null },
      data: { usedAt: new Date() },
    });
    return count === 1 ? spent('recovery-code') : null;
  }
  const step = findTotpStep(totpVault.open(factor.encryptedSecret), code);
  if (step === null) return null;
  const { count } = await tx.secondFactor.updateMany({
    where: { userId, confirmedAt: { not: null }, OR: [{ lastStep: null }, { lastStep: { lt: step } }] },
    data: { lastStep: step },
  });
  return count === 1 ? spent('totp') : null;
}

/**
 * Makes the secret of an authenticator. Until a code has shown that it is set up nothing is asked for, and starting again forgets it.
 *
 * @throws UNAUTHENTICATED when the session has ended; CONFLICT when one is set up; what {@link assertRecentProof} throws
 */
export async function startTotp(
  context: AuthContext,
  password?: string | null,
): Promise<{ readonly uri: string; readonly secret: string }> {
  await assertRecentProof(context, password, 'SECOND_FACTOR_ENABLED');
  const secret = createTotpSecret();
  const encryptedSecret = context.totpVault.seal(secret);
  const user = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    const { id: userId } = current;
    const factor = await tx.secondFactor.findUnique({ where: { userId } });
    if (factor?.confirmedAt) throw ON();
    await tx.secondFactor.upsert({
      where: { userId },
      create: { userId, encryptedSecret },
      update: { encryptedSecret, startedAt: new Date() },
    });
    return current;
  });
  return describeTotp(secret, { issuer: context.secondFactorName, account: user.email });
}

/**
 * Turns the second factor on by its first code, which is used up. The recovery codes are told here only.
 *
 * @throws UNAUTHENTICATED when the session has ended; CONFLICT when it is on; what {@link assertRecentProof} throws
 */
export async function confirmTotp(
  context: AuthContext,
  code: string,
  password?: string | null,
): Promise<TotpEnabled | InvalidCode> {
  await assertRecentProof(context, password, 'SECOND_FACTOR_ENABLED');
  const outcome = await inTransaction(context.db, async (tx) => {
    const user = await lockLiveSession(context, tx);
    const { id: userId } = user;
    const factor = await tx.secondFactor.findUnique({ where: { userId } });
    if (factor?.confirmedAt) throw ON();
    if (!factor) return NOT_STARTED;
    const lastStep = findTotpStep(context.totpVault.open(factor.encryptedSecret), code);
    if (lastStep === null) return WRONG_CODE;
    const recoveryCodes = createRecoveryCodes();
    await tx.secondFactor.update({ where: { userId }, data: { confirmedAt: new Date(), lastStep } });
    await tx.recoveryCode.createMany({ data: recoveryCodes.map((text) => ({ userId, codeHash: hashOf(text) })) });
    await recordAudit(tx, context, {
      action: 'SECOND_FACTOR_ENABLED',
      outcome: 'SUCCESS',
      actorId: userId,
      subject: userId,
    });
    return { user, recoveryCodes };
  });
  if ('__typename' in outcome) return outcome;
  const { user, recoveryCodes } = outcome;
  context.telemetry.secondFactor(context.log, 'enabled', user.id);
  context.post.later(context.log, async () => context.letters.secondFactorOn(user));
  return { __typename: 'TotpEnabled', recoveryCodes };
}

function hashOf(recoveryCode: string): Uint8Array<ArrayBuffer> {
  const hash = hashRecoveryCode(recoveryCode);
  if (!hash) throw new Error('a new recovery code does not have its own form');
  return hash;
}

/**
 * Turns the second factor off, for a viewer who knows the password. Where it is off already nothing changes; one that was begun is forgotten.
 *
 * @throws UNAUTHENTICATED when the session has ended; RATE_LIMITED after too many wrong passwords
 */
export async function disableTotp(context: AuthContext, password: string): Promise<TotpDisabled | InvalidCredentials> {
  await assertLiveSession(context);
  const { userId } = requireViewer(context);
  const user = await getUser(context, userId);
  const refused = await confirmPassword(context, user, password);
  const facts = { action: 'SECOND_FACTOR_DISABLED', actorId: userId, subject: userId } as const;
  if (refused) {
    await recordAlone(context.db, context, { ...facts, outcome: 'FAILURE' });
    return refused;
  }
  const outcome = await inTransaction(context.db, async (tx) => {
    const current = await lockLiveSession(context, tx);
    // Comparing takes long: a password that was changed meanwhile is not known any more.
    if (current.passwordHash !== user.passwordHash) return null;
    const wasOn = await turnOff(tx, userId);
    if (wasOn) await recordAudit(tx, context, { ...facts, outcome: 'SUCCESS' });
    return { current, wasOn };
  });
  if (!outcome) return WRONG_PASSWORD;
  const { current, wasOn } = outcome;
  if (wasOn) {
    context.telemetry.secondFactor(context.log, 'disabled', userId);
    context.post.later(context.log, async () => context.letters.secondFactorOff(current));
  }
  return { __typename: 'TotpDisabled', user: current };
}
