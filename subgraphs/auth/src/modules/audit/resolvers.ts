import type { Resolvers } from '../../generated/graphql.js';
import { findUser } from '../users/service.js';
import { listAuditEvents } from './list-events.js';

export const auditResolvers = {
  Query: {
    auditEvents: (_source, args, context) => listAuditEvents(context, args),
  },
  AuditEvent: {
    action: ({ action }) => action as never,
    outcome: ({ outcome }) => outcome as never,
    actor: ({ actorId }, _args, context) => (actorId === null ? null : findUser(context, actorId)),
    details: ({ details }) => JSON.stringify(details),
  },
} satisfies Pick<Resolvers, 'AuditEvent'> & { Query: Partial<NonNullable<Resolvers['Query']>> };
