import type { Resolvers } from '../../generated/graphql.js';
import { deleteMyAccount } from './service.js';

export const erasureResolvers = {
  Mutation: {
    deleteMyAccount: (_source, { password }, context) => deleteMyAccount(context, password),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
