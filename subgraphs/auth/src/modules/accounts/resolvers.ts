import type { Resolvers } from '../../generated/graphql.js';
import { completeLogin } from './complete-login.js';
import { changePassword, login, register, updateProfile } from './service.js';

export const accountResolvers = {
  Mutation: {
    register: (_source, { input }, context) => context.limits.registering(context, () => register(context, input)),
    login: (_source, { input }, context) => context.limits.signingIn(context, () => login(context, input)),
    completeLogin: (_source, { input }, context) =>
      context.limits.signingIn(context, () => completeLogin(context, input)),
    changePassword: (_source, { input }, context) =>
      context.limits.signingIn(context, () => changePassword(context, input)),
    updateProfile: (_source, { input }, context) => updateProfile(context, input),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
