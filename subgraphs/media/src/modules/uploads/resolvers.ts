import { idempotencyKeyOf } from '@taskgraph/service-kit';
import type { Resolvers } from '../../generated/graphql.js';
import { uploadMedia } from './service.js';

export const uploadResolvers = {
  Mutation: {
    uploadMedia: (_source, { file, altText, idempotencyKey }, context, info) =>
      uploadMedia(context, { file, altText, key: idempotencyKeyOf(context, idempotencyKey, info) }),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
