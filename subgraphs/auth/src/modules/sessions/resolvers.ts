import type { Resolvers } from '../../generated/graphql.js';
import { logout, logoutEverywhere, revokeSession } from './ending.js';
import { listSessions, refreshSession, verifyToken } from './service.js';

export const sessionResolvers = {
  Query: {
    sessions: (_source, _args, context) => listSessions(context),
    verifyToken: (_source, { token }, context) => verifyToken(context, token),
  },
  Mutation: {
    refreshSession: (_source, { refreshToken }, context) =>
      context.limits.refreshing(context, refreshToken, () => refreshSession(context, refreshToken)),
    // Only passwords are tried: a client at the same address that tries many keeps nobody from ending a session that was stolen.
    logout: (_source, _args, context) => logout(context),
    logoutEverywhere: (_source, { password }, context) =>
      password == null
        ? logoutEverywhere(context, null)
        : context.limits.signingIn(context, () => logoutEverywhere(context, password)),
    revokeSession: (_source, { id, password }, context) =>
      password == null
        ? revokeSession(context, id, null)
        : context.limits.signingIn(context, () => revokeSession(context, id, password)),
  },
  Session: {
    current: (session, _args, { viewer }) => session.id === viewer?.sessionId,
  },
} satisfies Pick<Resolvers, 'Session'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
};
