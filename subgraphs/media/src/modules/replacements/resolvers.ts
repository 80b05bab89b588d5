import { idempotencyKeyOf } from '@taskgraph/service-kit';
import type { Resolvers } from '../../generated/graphql.js';
import { replaceMedia } from './service.js';

export const replacementResolvers = {
  Mutation: {
    replaceMedia: (_source, { input }, context, info) =>
      replaceMedia(context, { ...input, key: idempotencyKeyOf(context, input.idempotencyKey, info) }),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
