import { DateTimeResolver, loadSdl, type CompleteResolvers } from '@taskgraph/service-kit';
import type { Resolvers, ResolversParentTypes } from './generated/graphql.js';
import { attachmentResolvers } from './modules/attachments/resolvers.js';
import { taskResolvers } from './modules/tasks/resolvers.js';

export const typeDefs = loadSdl(import.meta.url, [
  'schema.graphql',
  'modules/tasks/schema.graphql',
  'modules/attachments/schema.graphql',
]);

export const resolvers = {
  DateTime: DateTimeResolver,
  Query: { ...taskResolvers.Query, ...attachmentResolvers.Query },
  Mutation: { ...taskResolvers.Mutation, ...attachmentResolvers.Mutation },
  Subscription: { ...taskResolvers.Subscription, ...attachmentResolvers.Subscription },
  Media: attachmentResolvers.Media,
  Task: { ...taskResolvers.Task, ...attachmentResolvers.Task },
  TaskMediaEdge: attachmentResolvers.TaskMediaEdge,
  User: taskResolvers.User,
} satisfies CompleteResolvers<Resolvers, ResolversParentTypes>;
