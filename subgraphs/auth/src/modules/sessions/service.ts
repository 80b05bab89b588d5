import { inTransaction, requireViewer, unauthenticated, type TokenOutcome } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuthDbClient, AuthTx } from '../../db.js';
import { Prisma, type RefreshToken } from '../../generated/prisma/client.js';
import { recordAudit, type AuditFacts } from '../audit/service.js';
import type { UserRow } from '../users/mappers.js';
import type { SessionRow } from './mappers.js';
import { createOpaqueToken, hashOpaqueToken, readTokenHash } from '../../opaque-token.js';
import { fingerprintOf, openAnswer, sealAnswer } from './sealed-answer.js';

/** The row behind an `AuthPayload`. */
export interface AuthPayloadRow {
  readonly __typename: 'AuthPayload';
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly user: UserRow;
  readonly sessionId: string;
  /**
   * Sessions that this one replaces: to be put on record with it, see {@link recordOpened}, and to be announced when the transaction is over,
   * see {@link announceReplaced}.
   */
  readonly replaced: ReadonlyArray<{ readonly id: string; readonly userId: string }>;
}

export interface InvalidRefreshToken {
  readonly __typename: 'InvalidRefreshTokenProblem';
  readonly message: string;
}

export interface TokenVerificationRow {
  readonly valid: boolean;
  readonly expiresAt: Date | null;
  readonly user: UserRow | null;
}

export { fingerprintOf } from './sealed-answer.js';

const INVALID_REFRESH_TOKEN: InvalidRefreshToken = {
  __typename: 'InvalidRefreshTokenProblem',
  message: 'The refresh token is not valid any more. Log in again.',
};
const MAX_SESSIONS_LISTED = 100;
/** PostgreSQL keeps advisory locks of one and of two keys apart; these are of two. */
const COOKIE_LOCKS = 7_042;

const live = () => ({ revokedAt: null, expiresAt: { gt: new Date() } });

/**
 * Opens a session with its first pair of tokens. What has let the user in must hold in this very transaction: see {@link lockUser}.
 */
export async function openSession(context: AuthContext, tx: AuthTx, user: UserRow): Promise<AuthPayloadRow> {
  const { ipAddress, userAgent, clientName, sessionCookieHash } = context.clientInfo;
  const cookieHash = sessionCookieHash === undefined ? null : readTokenHash(sessionCookieHash);
  const replaced = cookieHash ? await endSessionsOfBrowser(context, tx, cookieHash) : [];
  const session = await tx.session.create({
    data: {
      userId: user.id,
      ipAddress,
      userAgent,
      clientName,
      cookieHash,
      expiresAt: new Date(Date.now() + context.sessionLifetimeMs),
    },
  });
  if (!cookieHash) return issuePair(context, tx, user, session.id);
  context.issuedTo.add(user.id);
  const noTokens = { accessToken: '', refreshToken: '', expiresIn: 0 };
  return { __typename: 'AuthPayload', ...noTokens, user, sessionId: session.id, replaced };
}

/**
 * Puts on record that somebody has got a session, and by what, with the end of those that it replaces. Nothing opens a session without it:
 * where the second factor is asked for there is none yet.
 */
export async function recordOpened(
  context: AuthContext,
  tx: AuthTx,
  answer: AuthPayloadRow | { readonly __typename: 'SecondFactorRequired' },
  { action = 'LOGIN', ...details }: { readonly action?: 'LOGIN' | 'REGISTER' } & AuditFacts['details'] = {},
): Promise<void> {
  if (answer.__typename !== 'AuthPayload') return;
  const { user, sessionId, replaced } = answer;
  const ends = replaced.map(({ id, userId }) => ({
    action: 'LOGOUT' as const,
    outcome: 'SUCCESS' as const,
    // By the user who logs in with the browser, who may be another than before.
    actorId: user.id,
    subject: userId,
    details: { reason: 'replaced', sessions: [id] },
  }));
  const opened = { action, outcome: 'SUCCESS', actorId: user.id, subject: user.id } as const;
  await recordAudit(tx, context, [...ends, { ...opened, details: { ...details, sessionId } }]);
}

/** Tells every process of the sessions that one which was opened has replaced. */
export async function announceReplaced(
  context: AuthContext,
  answer: AuthPayloadRow | { readonly __typename: 'SecondFactorRequired' },
): Promise<void> {
  if (answer.__typename !== 'AuthPayload' || answer.replaced.length === 0) return;
  context.telemetry.sessionsRevoked(context.log, 'replaced', answer.user.id, answer.replaced.length);
  await context.revocations.announce(answer.replaced.map(({ id }) => id));
}

/**
 * A browser has one session: the one that its cookie was for before ends (OWASP ASVS 5, 7.2.4). Of several that one request opens, be it at
 * once, the cookie is that of the last; nothing leads to the others any more, and they end too.
 */
async function endSessionsOfBrowser(
  { viewer }: AuthContext,
  tx: AuthTx,
  cookieHash: Uint8Array<ArrayBuffer>,
): Promise<AuthPayloadRow['replaced']> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${COOKIE_LOCKS}::int, hashtext(encode(${cookieHash}, 'hex')))`;
  const before = viewer ? [{ id: viewer.sessionId, cookieHash: { not: null } }] : [];
  const ended = await tx.session.updateManyAndReturn({
    where: { OR: [{ cookieHash }, ...before], ...live() },
    data: { revokedAt: new Date() },
    select: { id: true, userId: true },
  });
  await tx.session.updateMany({ where: { cookieHash }, data: { cookieHash: null } });
  return ended;
}

async function issuePair(context: AuthContext, tx: AuthTx, user: UserRow, sessionId: string): Promise<AuthPayloadRow> {
  const refreshToken = createOpaqueToken();
  const tokenHash = hashOpaqueToken(refreshToken);
  if (!tokenHash) throw new Error('a new refresh token does not have its own form');
  await tx.refreshToken.create({ data: { sessionId, tokenHash } });
  const { token, expiresIn } = context.tokens.issue({ userId: user.id, sessionId, role: user.role });
  context.issuedTo.add(user.id);
  return { __typename: 'AuthPayload', accessToken: token, refreshToken, expiresIn, user, sessionId, replaced: [] };
}

/**
 * Spends a refresh token for a new pair. Its user, session and row are locked, so of two clients that present one token at once the
 * second finds it spent, and a session that is being ended gives no more tokens. A spent token ends its session, whichever client came first
 * (RFC 9700, section 4.14.2), but for a moment in which the same program gets the same pair again: a second tab, or one that has lost the
 * answer.
 */
export async function refreshSession(
  context: AuthContext,
  refreshToken: string,
): Promise<AuthPayloadRow | InvalidRefreshToken> {
  const tokenHash = hashOpaqueToken(refreshToken);
  if (!tokenHash) {
    context.telemetry.refresh(context.log, 'unknown');
    return INVALID_REFRESH_TOKEN;
  }
  const outcome = await inTransaction(context.db, async (tx) => {
    const found = await tx.refreshToken.findUnique({
      where: { tokenHash },
      select: { session: { select: { id: true, userId: true } } },
    });
    const user = found && (await lockUser(tx, found.session.userId, 'SHARE'));
    const session = user && (await lockSession(tx, found.session.id));
    // Under the lock of its session: it is read as the request before has left it.
    const token = session && (await tx.refreshToken.findUnique({ where: { tokenHash } }));
    if (!token) return { kind: 'unknown' as const };
    if (session.revokedAt !== null || session.expiresAt <= new Date())
      return { kind: 'ended' as const, sessionId: session.id };
    const now = new Date();
    if (token.spentAt !== null) {
      const payload = repeatAnswer(context, { ...token, spentAt: token.spentAt }, refreshToken, user, now);
      if (payload) return { kind: 'repeated' as const, sessionId: session.id, payload };
      await tx.session.update({ where: { id: session.id }, data: { revokedAt: now } });
      await recordAudit(tx, context, {
        action: 'REFRESH_TOKEN_REUSE',
        outcome: 'FAILURE',
        actorId: null,
        subject: user.id,
        details: { sessionId: session.id },
      });
      return { kind: 'reused' as const, sessionId: session.id };
    }
    const payload = await issuePair(context, tx, user, session.id);
    await spend(context, tx, token, { presented: refreshToken, payload, now });
    await tx.session.update({
      where: { id: session.id },
      data: { lastUsedAt: now, expiresAt: new Date(now.getTime() + context.sessionLifetimeMs) },
    });
    return { kind: 'ok' as const, sessionId: session.id, payload };
  });
  context.telemetry.refresh(context.log, outcome.kind, outcome.kind === 'unknown' ? undefined : outcome.sessionId);
  if (outcome.kind === 'reused') await context.revocations.announce([outcome.sessionId]);
  return 'payload' in outcome ? outcome.payload : INVALID_REFRESH_TOKEN;
}

/** Marks a token as exchanged, with what it was exchanged for as long as that may be asked for again; older answers are forgotten. */
async function spend(
  { clientInfo, refreshLeewayMs }: AuthContext,
  tx: AuthTx,
  { id, sessionId }: RefreshToken,
  { presented, payload, now }: { readonly presented: string; readonly payload: AuthPayloadRow; readonly now: Date },
): Promise<void> {
  await tx.refreshToken.updateMany({
    where: { sessionId, answer: { not: null }, spentAt: { lt: new Date(now.getTime() - refreshLeewayMs) } },
    data: { answer: null, spentBy: null },
  });
  const { accessToken, refreshToken, expiresIn } = payload;
  const sealed = { accessToken, refreshToken, expiresAt: now.getTime() + expiresIn * 1000 };
  await tx.refreshToken.update({
    where: { id },
    data: {
      spentAt: now,
      ...(refreshLeewayMs > 0 && {
        answer: sealAnswer(sealed, presented),
        spentBy: fingerprintOf(clientInfo.userAgent),
      }),
    },
  });
}

/** The pair that a token was exchanged for, as long as the same program may have it again; null from then on. */
function repeatAnswer(
  context: AuthContext,
  { answer, spentBy, spentAt, sessionId }: RefreshToken & { readonly spentAt: Date },
  presented: string,
  user: UserRow,
  now: Date,
): AuthPayloadRow | null {
  const isInTime = now.getTime() - spentAt.getTime() < context.refreshLeewayMs;
  if (!isInTime || !answer || !spentBy) return null;
  if (!Buffer.from(spentBy).equals(fingerprintOf(context.clientInfo.userAgent))) return null;
  const { accessToken, refreshToken, expiresAt } = openAnswer(answer, presented);
  context.issuedTo.add(user.id);
  const expiresIn = Math.max(0, Math.floor((expiresAt - now.getTime()) / 1000));
  return { __typename: 'AuthPayload', accessToken, refreshToken, expiresIn, user, sessionId, replaced: [] };
}

/**
 * Locks a user until the end of the transaction and reads it as it is then; null when the account is gone. A caller that opens or
 * renews a session asks for `SHARE`, so that a change of password, role or account and the sessions that it ends come before that or
 * after it, never in between. Locks are taken in the order user, session.
 */
export async function lockUser(tx: AuthTx, id: string, mode: 'SHARE' | 'NO KEY UPDATE'): Promise<UserRow | null> {
  await tx.$queryRaw`SELECT id FROM users WHERE id = ${id}::uuid FOR ${Prisma.raw(mode)}`;
  return tx.user.findUnique({ where: { id } });
}

export async function lockSession(tx: AuthTx, id: string): Promise<SessionRow | null> {
  await tx.$queryRaw`SELECT id FROM sessions WHERE id = ${id}::uuid FOR UPDATE`;
  return tx.session.findUnique({ where: { id } });
}

/**
 * Checks in a transaction that the session of the request has not ended, and keeps it from ending before the transaction does:
 * work that took long, such as hashing, may have outlived it.
 *
 * @throws UNAUTHENTICATED
 */
export async function lockLiveSession(context: AuthContext, tx: AuthTx): Promise<UserRow> {
  const { sessionId, userId } = requireViewer(context);
  const user = await lockUser(tx, userId, 'NO KEY UPDATE');
  const session = user && (await lockSession(tx, sessionId));
  if (!session || session.userId !== userId || session.revokedAt !== null || session.expiresAt <= new Date())
    throw sessionEnded();
  return user;
}

const sessionEnded = () => unauthenticated('SESSION_REVOKED', 'This session has ended. Log in again.');

/**
 * Checks in the database that the session of the request's token has not ended. Other services find out when the access
 * token expires.
 *
 * @throws UNAUTHENTICATED
 */
export async function assertLiveSession(context: AuthContext): Promise<void> {
  const { sessionId, userId } = requireViewer(context);
  if (!(await isLiveSession(context.db, sessionId, userId))) {
    throw sessionEnded();
  }
}

async function isLiveSession(db: AuthDbClient, id: string, userId: string): Promise<boolean> {
  return (await db.session.count({ where: { id, userId, ...live() } })) > 0;
}

/** Lists the viewer's live sessions, the most recently used first. */
export async function listSessions(context: AuthContext): Promise<SessionRow[]> {
  await assertLiveSession(context);
  const { userId } = requireViewer(context);
  return context.db.session.findMany({
    where: { userId, ...live() },
    orderBy: [{ lastUsedAt: 'desc' }, { id: 'desc' }],
    take: MAX_SESSIONS_LISTED,
  });
}

/** Ends live sessions. Returns their ids, which are to be announced when the transaction is over. */
export async function endSessions(tx: AuthTx, where: Prisma.SessionWhereInput): Promise<string[]> {
  const ended = await tx.session.updateManyAndReturn({
    where: { ...where, ...live() },
    data: { revokedAt: new Date() },
    select: { id: true },
  });
  return ended.map(({ id }) => id);
}

const INVALID_TOKEN: TokenVerificationRow = { valid: false, expiresAt: null, user: null };

/** Tells whether an access token is good and its session live. Never throws on what the token is. */
export async function verifyToken(context: AuthContext, token: string): Promise<TokenVerificationRow> {
  const outcome: TokenOutcome = await context.verifier.verifyToken(token);
  if (outcome.kind !== 'accepted') return INVALID_TOKEN;
  const { sub, sid, exp } = outcome.claims;
  const [isLive, user] = await Promise.all([isLiveSession(context.db, sid, sub), context.loaders.user.load(sub)]);
  return isLive && user ? { valid: true, expiresAt: new Date(exp * 1000), user } : INVALID_TOKEN;
}
