import type { Resolvers } from '../../generated/graphql.js';
import { changeEmail, requestEmailVerification, requestPasswordReset, resetPassword, verifyEmail } from './service.js';

export const recoveryResolvers = {
  Mutation: {
    requestPasswordReset: (_source, { email }, context) => requestPasswordReset(context, email),
    resetPassword: (_source, { input }, context) => resetPassword(context, input),
    requestEmailVerification: (_source, _args, context) => requestEmailVerification(context),
    verifyEmail: (_source, { token }, context) => verifyEmail(context, token),
    changeEmail: (_source, { input }, context) => context.limits.signingIn(context, () => changeEmail(context, input)),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
