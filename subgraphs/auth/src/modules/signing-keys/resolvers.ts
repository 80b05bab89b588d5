import type { Resolvers } from '../../generated/graphql.js';
import { rotateSigningKey } from './service.js';

export const signingKeyResolvers = {
  Mutation: {
    rotateSigningKey: (_source, _args, context) => rotateSigningKey(context),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
