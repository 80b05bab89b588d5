import type { Resolvers } from '../../generated/graphql.js';
import { deleteMyAccount } from './service.js';

export const erasureResolvers = {
  Mutation: {
    deleteMyAccount: (_source, { password }, context) =>
      context.limits.signingIn(context, () => deleteMyAccount(context, password)),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
