import { DateTimeResolver, loadSdl, type CompleteResolvers } from '@taskgraph/service-kit';
import type { Resolvers, ResolversParentTypes } from './generated/graphql.js';
import { accountResolvers } from './modules/accounts/resolvers.js';
import { auditResolvers } from './modules/audit/resolvers.js';
import { erasureResolvers } from './modules/erasure/resolvers.js';
import { recoveryResolvers } from './modules/recovery/resolvers.js';
import { secondFactorResolvers } from './modules/second-factor/resolvers.js';
import { sessionResolvers } from './modules/sessions/resolvers.js';
import { signingKeyResolvers } from './modules/signing-keys/resolvers.js';
import { userResolvers } from './modules/users/resolvers.js';

export const typeDefs = loadSdl(import.meta.url, [
  'schema.graphql',
  'modules/users/schema.graphql',
  'modules/accounts/schema.graphql',
  'modules/erasure/schema.graphql',
  'modules/recovery/schema.graphql',
  'modules/second-factor/schema.graphql',
  'modules/sessions/schema.graphql',
  'modules/signing-keys/schema.graphql',
  'modules/audit/schema.graphql',
]);

export const resolvers = {
  DateTime: DateTimeResolver,
  AuditEvent: auditResolvers.AuditEvent,
  Query: { ...userResolvers.Query, ...sessionResolvers.Query, ...auditResolvers.Query },
  Mutation: {
    ...accountResolvers.Mutation,
    ...erasureResolvers.Mutation,
    ...recoveryResolvers.Mutation,
    ...secondFactorResolvers.Mutation,
    ...sessionResolvers.Mutation,
    ...signingKeyResolvers.Mutation,
  },
  Session: sessionResolvers.Session,
  User: { ...userResolvers.User, ...secondFactorResolvers.User },
} satisfies CompleteResolvers<Resolvers, ResolversParentTypes>;
