import { idempotencyKeyOf, isUuid, parsePageArgs, selectedFields } from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { Resolvers } from '../../generated/graphql.js';
import { loadTaskMediaAhead } from '../attachments/loaders.js';
import { followChanges, toTaskChanged, type TaskChange } from './feed.js';
import { selectedTaskPage } from './loaders.js';
import { createTask, deleteTask, findTask, getTask, listTasks, updateTask } from './service.js';

export const taskResolvers = {
  Query: {
    task: (_source, { id }, context, info) => getTask(context, id, selectedFields(info, 'Task')),
    tasks: async (_source, args, context, info) => {
      const page = await listTasks(context, args, selectedTaskPage(info));
      await loadTaskMediaAhead(context, page, info);
      return page;
    },
  },
  Mutation: {
    createTask: (_source, { input }, context, info) =>
      createTask(context, input, idempotencyKeyOf(context, input.idempotencyKey, info)),
    updateTask: (_source, { input }, context) => updateTask(context, input),
    deleteTask: (_source, { id }, context) => deleteTask(context, id),
  },
  Subscription: {
    taskChanged: {
      subscribe: (_source, { taskId }, context) => followChanges(context, taskId),
      resolve: (change: TaskChange, _args: unknown, context: TaskContext) => toTaskChanged(context, change),
    },
  },
  Task: {
    __resolveReference: ({ id }, context, info) => findTask(context, id, selectedFields(info, 'Task')),
    owner: ({ ownerId }) => ({ id: ownerId }),
    assignee: ({ assigneeId }) => (assigneeId === null ? null : { id: assigneeId }),
  },
  User: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    tasks: ({ id }, args, { loaders, viewer }, info) => {
      const load = () => loaders.userTasks({ page: parsePageArgs(args), ...selectedTaskPage(info) }).load(id);
      if (viewer?.role !== 'ADMIN' || viewer.userId === id) return load();
      return loaders.privilegedRead({ kind: 'tasks-of-user', id }).then(load);
    },
  },
} satisfies Pick<Resolvers, 'Task' | 'User'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  Subscription: Partial<NonNullable<Resolvers['Subscription']>>;
};
