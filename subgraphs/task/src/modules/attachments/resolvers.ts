import { isUuid, parsePageArgs } from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { Resolvers } from '../../generated/graphql.js';
import { selectedTaskPage } from '../tasks/loaders.js';
import { followAttachments, toMediaAttached, type Attachment } from './feed.js';
import { attachmentCursor } from './loaders.js';
import { attachMedia, detachMedia } from './service.js';

export const attachmentResolvers = {
  Query: {
    mediaOnVisibleTasks: (_source, { ids }, { loaders }) => loaders.mediaOnVisibleTasks(ids.filter(isUuid)),
  },
  Mutation: {
    attachMedia: (_source, { input }, context) => attachMedia(context, input),
    detachMedia: (_source, { input }, context) => detachMedia(context, input),
  },
  Subscription: {
    mediaAttached: {
      subscribe: (_source, { taskId }, context) => followAttachments(context, taskId),
      resolve: (attachment: Attachment, _args: unknown, context: TaskContext) => toMediaAttached(context, attachment),
    },
  },
  Task: {
    media: ({ id }, args, { loaders }, info) => loaders.taskMediaOf(args, info).load(id),
  },
  Media: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    tasks: ({ id }, args, { loaders, viewer }, info) => {
      const load = () => loaders.mediaTasks({ page: parsePageArgs(args), ...selectedTaskPage(info) }).load(id);
      return viewer?.role === 'ADMIN' ? loaders.privilegedRead({ kind: 'tasks-of-media', id }).then(load) : load();
    },
    attachedToVisibleTask: ({ id }, _args, { loaders }) => loaders.attachedToVisibleTask.load(id),
  },
  TaskMediaEdge: {
    cursor: (attachment) => attachmentCursor(attachment),
    attachedBy: ({ attachedBy }) => (attachedBy === null ? null : { id: attachedBy }),
    node: ({ mediaId }) => ({ id: mediaId }),
  },
} satisfies Pick<Resolvers, 'Task' | 'Media' | 'TaskMediaEdge'> & {
  Query: Pick<NonNullable<Resolvers['Query']>, 'mediaOnVisibleTasks'>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  Subscription: Partial<NonNullable<Resolvers['Subscription']>>;
};
