import { isUuid, parsePageArgs } from '@taskgraph/service-kit';
import type { Resolvers } from '../../generated/graphql.js';
import { attachmentCursor } from './loaders.js';
import { attachMedia, detachMedia } from './service.js';

export const attachmentResolvers = {
  Mutation: {
    attachMedia: (_source, { input }, context) => attachMedia(context, input),
    detachMedia: (_source, { input }, context) => detachMedia(context, input),
  },
  Task: {
    media: ({ id }, args, { loaders }) => loaders.taskMedia(parsePageArgs(args)).load(id),
  },
  Media: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    tasks: ({ id }, args, { loaders }) => loaders.mediaTasks(parsePageArgs(args)).load(id),
    attachedToVisibleTask: ({ id }, _args, { loaders }) => loaders.attachedToVisibleTask.load(id),
  },
  TaskMediaEdge: {
    cursor: (attachment) => attachmentCursor(attachment),
    attachedBy: ({ attachedBy }) => ({ id: attachedBy }),
    node: ({ mediaId }) => ({ id: mediaId }),
  },
} satisfies Pick<Resolvers, 'Task' | 'Media' | 'TaskMediaEdge'> & {
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
};
