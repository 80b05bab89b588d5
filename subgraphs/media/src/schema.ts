import { DateTimeResolver, loadSdl, type CompleteResolvers } from '@taskgraph/service-kit';
import { GraphQLUpload } from 'graphql-upload-minimal';
import type { Resolvers, ResolversParentTypes } from './generated/graphql.js';
import { dataExportResolvers } from './modules/data-exports/resolvers.js';
import { mediaResolvers } from './modules/media/resolvers.js';
import { replacementResolvers } from './modules/replacements/resolvers.js';
import { uploadSessionResolvers } from './modules/upload-sessions/resolvers.js';
import { uploadResolvers } from './modules/uploads/resolvers.js';

export const typeDefs = loadSdl(import.meta.url, [
  'schema.graphql',
  'modules/media/schema.graphql',
  'modules/replacements/schema.graphql',
  'modules/uploads/schema.graphql',
  'modules/upload-sessions/schema.graphql',
  'modules/data-exports/schema.graphql',
]);

export const resolvers = {
  DateTime: DateTimeResolver,
  Upload: GraphQLUpload,
  DataExport: dataExportResolvers.DataExport,
  Query: { ...mediaResolvers.Query, ...dataExportResolvers.Query },
  Mutation: {
    ...mediaResolvers.Mutation,
    ...replacementResolvers.Mutation,
    ...uploadResolvers.Mutation,
    ...uploadSessionResolvers.Mutation,
    ...dataExportResolvers.Mutation,
  },
  Subscription: mediaResolvers.Subscription,
  Media: mediaResolvers.Media,
  UploadSession: uploadSessionResolvers.UploadSession,
  User: mediaResolvers.User,
} satisfies CompleteResolvers<Resolvers, ResolversParentTypes>;
