import type { Resolvers } from '../../generated/graphql.js';
import { canSeeEmail } from './policy.js';
import { findUser, getMe, getUser } from './service.js';

export const userResolvers = {
  Query: {
    me: (_source, _args, context) => getMe(context),
    user: (_source, { id }, context) => getUser(context, id),
  },
  User: {
    __resolveReference: ({ id }, context) => findUser(context, id),
    email: (user, _args, { viewer, issuedTo }) =>
      issuedTo.has(user.id) || canSeeEmail(viewer, user) ? user.email : null,
    emailVerified: (user, _args, { viewer, issuedTo }) =>
      issuedTo.has(user.id) || canSeeEmail(viewer, user) ? user.emailVerifiedAt !== null : null,
  },
} satisfies Pick<Resolvers, 'User'> & { Query: Partial<NonNullable<Resolvers['Query']>> };
