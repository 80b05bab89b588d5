import type { Resolvers } from '../../generated/graphql.js';
import { changeEmail, requestEmailVerification, requestPasswordReset, resetPassword, verifyEmail } from './service.js';

export const recoveryResolvers = {
  Mutation: {
    // A client that asks for many at once would leave no room for the mails of others.
    requestPasswordReset: (_source, { email }, context) =>
      context.limits.signingIn(context, async () => requestPasswordReset(context, email)),
    resetPassword: (_source, { input }, context) =>
      context.limits.signingIn(context, () => resetPassword(context, input)),
    requestEmailVerification: (_source, _args, context) => requestEmailVerification(context),
    verifyEmail: (_source, { token }, context) =>
      context.limits.verifying(context, token, () => verifyEmail(context, token)),
    changeEmail: (_source, { input }, context) => context.limits.signingIn(context, () => changeEmail(context, input)),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
