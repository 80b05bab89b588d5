import type { Resolvers } from '../../generated/graphql.js';
import { findUser, getMe, getUser, ownField } from './service.js';

export const userResolvers = {
  Query: {
    me: (_source, _args, context) => getMe(context),
    user: (_source, { id }, context) => getUser(context, id),
  },
  User: {
    __resolveReference: ({ id }, context) => findUser(context, id),
    email: (user, _args, context) => ownField(context, user, ({ email }) => email),
    emailVerified: (user, _args, context) => ownField(context, user, ({ emailVerifiedAt }) => emailVerifiedAt !== null),
  },
} satisfies Pick<Resolvers, 'User'> & { Query: Partial<NonNullable<Resolvers['Query']>> };
