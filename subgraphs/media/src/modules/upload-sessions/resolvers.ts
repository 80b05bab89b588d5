import type { Resolvers } from '../../generated/graphql.js';
import { completeUpload, createUpload } from './service.js';

export const uploadSessionResolvers = {
  Mutation: {
    createUpload: (_source, { input }, context) => createUpload(context, input),
    completeUpload: (_source, { id }, context) => completeUpload(context, id),
  },
  UploadSession: {
    url: ({ id, userId, expiresAt, targetUrl }, _args, { urls }) =>
      targetUrl ?? urls.signUpload({ id, userId, expiresAt }),
    protocol: (_session, _args, { staging }) => staging.protocol,
  },
} satisfies Pick<Resolvers, 'UploadSession'> & { Mutation: Partial<NonNullable<Resolvers['Mutation']>> };
