import {
  inTransaction,
  isUuid,
  notFound,
  requireViewer,
  unauthenticated,
  type TokenOutcome,
} from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuthDbClient, AuthTx } from '../../db.js';
import type { UserRow } from '../users/mappers.js';
import type { SessionRow } from './mappers.js';
import { createRefreshToken, hashRefreshToken } from './refresh-token.js';

/** The row behind an `AuthPayload`. */
export interface AuthPayloadRow {
  readonly __typename: 'AuthPayload';
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly user: UserRow;
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

const INVALID_REFRESH_TOKEN: InvalidRefreshToken = {
  __typename: 'InvalidRefreshTokenProblem',
  message: 'The refresh token is not valid any more. Log in again.',
};
const MAX_SESSIONS_LISTED = 100;
const MAX_USER_AGENT_CHARACTERS = 512;

const live = () => ({ revokedAt: null, expiresAt: { gt: new Date() } });

/** Opens a session with its first pair of tokens. */
export async function openSession(context: AuthContext, tx: AuthTx, user: UserRow): Promise<AuthPayloadRow> {
  const { ipAddress, userAgent } = context.clientInfo;
  const session = await tx.session.create({
    data: {
      userId: user.id,
      ipAddress,
      userAgent: userAgent?.slice(0, MAX_USER_AGENT_CHARACTERS) ?? null,
      expiresAt: new Date(Date.now() + context.sessionLifetimeMs),
    },
  });
  return issuePair(context, tx, user, session.id);
}

async function issuePair(context: AuthContext, tx: AuthTx, user: UserRow, sessionId: string): Promise<AuthPayloadRow> {
  const refreshToken = createRefreshToken();
  const tokenHash = hashRefreshToken(refreshToken);
  if (!tokenHash) throw new Error('a new refresh token does not have its own form');
  await tx.refreshToken.create({ data: { sessionId, tokenHash } });
  const { token, expiresIn } = context.tokens.issue({ userId: user.id, sessionId, role: user.role });
  context.issuedTo.add(user.id);
  return { __typename: 'AuthPayload', accessToken: token, refreshToken, expiresIn, user };
}

/**
 * Spends a refresh token for a new pair. The row is locked, so of two who present one token at once the second finds it
 * spent; a spent token ends its session, whoever came first (RFC 9700, section 4.14.2).
 */
export async function refreshSession(
  context: AuthContext,
  refreshToken: string,
): Promise<AuthPayloadRow | InvalidRefreshToken> {
  const tokenHash = hashRefreshToken(refreshToken);
  if (!tokenHash) {
    context.telemetry.refresh(context.log, 'unknown');
    return INVALID_REFRESH_TOKEN;
  }
  const outcome = await inTransaction(context.db, async (tx) => {
    const [locked] = await tx.$queryRaw<Array<{ id: string }>>`
      SELECT id FROM refresh_tokens WHERE token_hash = ${tokenHash} FOR UPDATE`;
    if (!locked) return { kind: 'unknown' as const };
    const token = await tx.refreshToken.findUniqueOrThrow({
      where: { id: locked.id },
      include: { session: { include: { user: true } } },
    });
    const { session } = token;
    if (session.revokedAt !== null || session.expiresAt <= new Date())
      return { kind: 'ended' as const, sessionId: session.id };
    if (token.spentAt !== null) {
      await tx.session.update({ where: { id: session.id }, data: { revokedAt: new Date() } });
      return { kind: 'reused' as const, sessionId: session.id };
    }
    const now = new Date();
    await tx.refreshToken.update({ where: { id: token.id }, data: { spentAt: now } });
    await tx.session.update({
      where: { id: session.id },
      data: { lastUsedAt: now, expiresAt: new Date(now.getTime() + context.sessionLifetimeMs) },
    });
    return {
      kind: 'renewed' as const,
      sessionId: session.id,
      payload: await issuePair(context, tx, session.user, session.id),
    };
  });
  context.telemetry.refresh(context.log, outcome.kind, outcome.kind === 'unknown' ? undefined : outcome.sessionId);
  return outcome.kind === 'renewed' ? outcome.payload : INVALID_REFRESH_TOKEN;
}

/**
 * Checks in the database that the session of the request's token has not ended. Other services find out when the access
 * token expires.
 *
 * @throws UNAUTHENTICATED
 */
export async function assertLiveSession(context: AuthContext): Promise<void> {
  const { sessionId, userId } = requireViewer(context);
  if (!(await isLiveSession(context.db, sessionId, userId))) {
    throw unauthenticated('SESSION_REVOKED', 'This session has ended. Log in again.');
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

/** Ends the session of the request. */
export async function logout(context: AuthContext): Promise<{ revokedSessions: number }> {
  await assertLiveSession(context);
  const { userId, sessionId } = requireViewer(context);
  return revoke(context, 'logout', { id: sessionId, userId });
}

/** Ends all sessions of the viewer. */
export async function logoutEverywhere(context: AuthContext): Promise<{ revokedSessions: number }> {
  await assertLiveSession(context);
  return revoke(context, 'logout_everywhere', { userId: requireViewer(context).userId });
}

/** @throws NOT_FOUND when the viewer has no live session of this id */
export async function revokeSession(context: AuthContext, id: string): Promise<{ revokedSessions: number }> {
  await assertLiveSession(context);
  const outcome = isUuid(id) ? await revoke(context, 'revoked', { id, userId: requireViewer(context).userId }) : null;
  if (!outcome?.revokedSessions) throw notFound('Session');
  return outcome;
}

async function revoke(
  context: AuthContext,
  reason: 'logout' | 'logout_everywhere' | 'revoked',
  where: { userId: string; id?: string },
): Promise<{ revokedSessions: number }> {
  const { count } = await context.db.session.updateMany({
    where: { ...where, ...live() },
    data: { revokedAt: new Date() },
  });
  context.telemetry.sessionsRevoked(context.log, reason, where.userId, count);
  return { revokedSessions: count };
}

/** Ends every session of a user but one. Returns how many. */
export async function revokeOtherSessions(tx: AuthTx, userId: string, exceptId: string): Promise<number> {
  const { count } = await tx.session.updateMany({
    where: { userId, id: { not: exceptId }, ...live() },
    data: { revokedAt: new Date() },
  });
  return count;
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
