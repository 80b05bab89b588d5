import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, SESSION_TOKENS_PATH, type SessionTokens } from '@taskgraph/contracts';
import { createClientInfoVerifier, inTransaction, type Routes } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import type { AuthDb } from '../../db.js';
import { readTokenHash } from '../../opaque-token.js';
import { lockSession, lockUser } from './service.js';

export interface CookieSessionsOptions {
  readonly db: AuthDb;
  readonly tokens: AuthContext['tokens'];
  readonly sessionLifetimeMs: number;
  /** Those that a gateway signs with. */
  readonly secrets: readonly string[];
}

/**
 * Gives gateways the access tokens of sessions that browsers hold a cookie of. The cookie's hash stands in the signed header: a hash from
 * a stolen database is of no use, nor is the port to a client that does not have the gateway's secret.
 */
export function sessionTokensRoute({ secrets, ...options }: CookieSessionsOptions): Routes {
  const verify = createClientInfoVerifier(secrets);
  return (app) => {
    app.post(SESSION_TOKENS_PATH, async ({ headers }, reply) => {
      const [info = '', requestId = ''] = [headers[CLIENT_INFO_HEADER], headers[REQUEST_ID_HEADER]].map(String);
      const outcome = verify(info, requestId);
      const hash = outcome.kind === 'accepted' ? outcome.info.sessionCookieHash : undefined;
      reply.header('cache-control', 'no-store');
      if (hash === undefined)
        return reply.code(403).send({ message: 'Tokens for cookies are given to gateways only.' });
      const found = await renewCookieSession(options, readTokenHash(hash));
      return reply.code(found ? 200 : 401).send(found ?? {});
    });
  };
}

/** Issues an access token with the role of this moment, and prolongs the session. Null when it has ended, or there is none. */
async function renewCookieSession(
  { db, tokens, sessionLifetimeMs }: Omit<CookieSessionsOptions, 'secrets'>,
  cookieHash: Uint8Array<ArrayBuffer>,
): Promise<SessionTokens | null> {
  return inTransaction(db, async (tx) => {
    const found = await tx.session.findUnique({ where: { cookieHash }, select: { id: true, userId: true } });
    const user = found && (await lockUser(tx, found.userId, 'SHARE'));
    const session = user && (await lockSession(tx, found.id));
    const now = new Date();
    if (!session || session.revokedAt !== null || session.expiresAt <= now) return null;
    await tx.session.update({
      where: { id: session.id },
      data: { lastUsedAt: now, expiresAt: new Date(now.getTime() + sessionLifetimeMs) },
    });
    const { token, expiresIn } = tokens.issue({ userId: user.id, sessionId: session.id, role: user.role });
    return { accessToken: token, expiresIn, sessionExpiresIn: Math.floor(sessionLifetimeMs / 1000) };
  });
}
