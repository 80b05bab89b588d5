import type { Resolvers } from '../../generated/graphql.js';
import { listSessions, logout, logoutEverywhere, refreshSession, revokeSession, verifyToken } from './service.js';

export const sessionResolvers = {
  Query: {
    sessions: (_source, _args, context) => listSessions(context),
    verifyToken: (_source, { token }, context) => verifyToken(context, token),
  },
  Mutation: {
    refreshSession: (_source, { refreshToken }, context) => refreshSession(context, refreshToken),
    logout: (_source, _args, context) => logout(context),
    logoutEverywhere: (_source, _args, context) => logoutEverywhere(context),
    revokeSession: (_source, { id }, context) => revokeSession(context, id),
  },
  Session: {
    current: (session, _args, { viewer }) => session.id === viewer?.sessionId,
  },
} satisfies Pick<Resolvers, 'Session'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
};
