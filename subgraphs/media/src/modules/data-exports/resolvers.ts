import { idempotencyKeyOf } from '@taskgraph/service-kit';
import type { Resolvers } from '../../generated/graphql.js';
import { getDataExport, requestDataExport } from './service.js';

export const dataExportResolvers = {
  Query: {
    dataExport: (_source, { id }, context) => getDataExport(context, id),
  },
  Mutation: {
    requestDataExport: (_source, { idempotencyKey }, context, info) =>
      requestDataExport(context, idempotencyKeyOf(context, idempotencyKey, info)),
  },
  DataExport: {
    url: ({ id, status, expiresAt }, _args, { urls }) =>
      status === 'READY' && expiresAt ? urls.signExport(id, expiresAt) : null,
  },
} satisfies Pick<Resolvers, 'DataExport'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
};
