import type { Resolvers } from '../../generated/graphql.js';
import { uploadMedia } from './service.js';

export const uploadResolvers = {
  Mutation: {
    uploadMedia: (_source, args, context) => uploadMedia(context, args),
  },
} satisfies { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
