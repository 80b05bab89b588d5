import { idempotencyKeyOf, isUuid, parsePageArgs } from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { Resolvers } from '../../generated/graphql.js';
import { followChanges, toTaskChanged, type TaskChange } from './feed.js';
import { countTasks, createTask, deleteTask, findTask, getTask, listTasks, updateTask } from './service.js';

export const taskResolvers = {
  Query: {
    task: (_source, { id }, context) => getTask(context, id),
    tasks: (_source, args, context) => listTasks(context, args),
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
    __resolveReference: ({ id }, context) => findTask(context, id),
    owner: ({ ownerId }) => ({ id: ownerId }),
    assignee: ({ assigneeId }) => (assigneeId === null ? null : { id: assigneeId }),
  },
  User: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    tasks: ({ id }, args, { loaders }) => loaders.userTasks(parsePageArgs(args)).load(id),
  },
  TaskConnection: {
    totalCount: (connection, _args, context) => countTasks(context, connection),
  },
} satisfies Pick<Resolvers, 'Task' | 'User' | 'TaskConnection'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  Subscription: Partial<NonNullable<Resolvers['Subscription']>>;
};
