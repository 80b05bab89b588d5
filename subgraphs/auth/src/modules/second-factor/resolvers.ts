import type { Resolvers } from '../../generated/graphql.js';
import { confirmTotp, disableTotp, startTotp } from './service.js';

export const secondFactorResolvers = {
  Mutation: {
    startTotp: (_source, { password }, context) =>
      context.limits.signingIn(context, () => startTotp(context, password)),
    confirmTotp: (_source, { code, password }, context) =>
      context.limits.signingIn(context, () => confirmTotp(context, code, password)),
    disableTotp: (_source, { password }, context) =>
      context.limits.signingIn(context, () => disableTotp(context, password)),
  },
  User: {
    twoFactorEnabled: ({ id }, _args, { viewer, issuedTo, loaders }) =>
      viewer?.userId === id || issuedTo.has(id) ? loaders.hasSecondFactor.load(id) : null,
  },
} satisfies {
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  User: Partial<NonNullable<Resolvers['User']>>;
};
