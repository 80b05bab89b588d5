import type { Resolvers } from '../../generated/graphql.js';
import { changePassword, login, register } from './service.js';

export const accountResolvers = {
  Mutation: {
    register: (_source, { input }, context) => register(context, input),
    login: (_source, { input }, context) => login(context, input),
    changePassword: (_source, { input }, context) => changePassword(context, input),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
