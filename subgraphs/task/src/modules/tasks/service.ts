import { isDeepStrictEqual } from 'node:util';
import {
  alreadyGone,
  appendEvents,
  badUserInput,
  forbidden,
  inTransaction,
  makeOnce,
  type IdempotencyKey,
  isUuid,
  notFound,
  parsePageArgs,
  requireViewer,
  type PageArgs,
  type Viewer,
} from '@taskgraph/service-kit';
import type { TaskContext } from '../../context.js';
import type { TaskTx } from '../../db.js';
import type { CreateTaskInput, TaskFilter, TaskOrder, UpdateTaskInput } from '../../generated/graphql.js';
import { ALL_TASK_FIELDS, visibleTasks, type TaskFields, type TaskPageSelection } from './loaders.js';
import type { TaskConnectionRow, TaskRow } from './mappers.js';
import { canAssign, canDelete, isByRoleAlone } from './policy.js';
import { tellOfChange } from '../../privileged-changes.js';
import { toConditions } from './task-filter.js';
import { parseDescription, parseLabels, parseTitle, parseUserId } from './task-input.js';
import { readTaskList } from './task-list.js';
import { toTaskSort } from './task-order.js';

export interface UpdateTaskSuccess {
  readonly __typename: 'UpdateTaskSuccess';
  readonly task: TaskRow;
}

export interface StaleVersion {
  readonly __typename: 'StaleVersionProblem';
  readonly message: string;
  readonly current: TaskRow;
}

/** @throws NOT_FOUND when there is no such task for this viewer */
export async function getTask(context: TaskContext, id: string, fields?: TaskFields): Promise<TaskRow> {
  const task = await findTask(context, id, fields);
  if (!task) throw notFound('Task');
  return task;
}

/** Null when there is no such task for this viewer. */
export function findTask(
  context: TaskContext,
  id: string,
  fields: TaskFields = ALL_TASK_FIELDS,
): TaskRow | null | Promise<TaskRow | null> {
  const viewer = requireViewer(context);
  if (!isUuid(id)) return null;
  if (viewer.role === 'ADMIN') return findAsAdministrator(context, viewer, id.toLowerCase(), fields);
  return context.loaders.task(fields).load(id.toLowerCase());
}

/** What an administrator sees of others by role alone is told; which that is depends on whose it is. */
async function findAsAdministrator(
  { loaders }: TaskContext,
  viewer: Viewer,
  id: string,
  fields: TaskFields,
): Promise<TaskRow | null> {
  const task = await loaders.task(new Set([...fields, 'owner', 'assignee'])).load(id);
  if (task && isByRoleAlone(viewer, task)) await loaders.privilegedRead({ kind: 'task', id });
  return task;
}

export interface ListTasksArgs extends PageArgs {
  readonly filter?: TaskFilter | null | undefined;
  readonly orderBy?: TaskOrder | null | undefined;
}

/**
 * Lists the tasks that the viewer may see.
 *
 * @throws BAD_USER_INPUT when a page argument, cursor or filter makes no sense
 */
export async function listTasks(
  context: TaskContext,
  args: ListTasksArgs,
  selection: TaskPageSelection,
): Promise<TaskConnectionRow> {
  const viewer = requireViewer(context);
  const filter = args.filter ?? {};
  const query = {
    ...selection,
    page: parsePageArgs(args),
    sort: toTaskSort(args.orderBy),
    conditions: toConditions(filter),
  };
  if (viewer.role !== 'ADMIN') return readTaskList(context.reads, viewer, query);
  const page = await readTaskList(context.reads, viewer, {
    ...query,
    fields: new Set([...selection.fields, 'owner', 'assignee']),
  });
  await tellOfList(context, viewer, filter, page);
  return page;
}

/**
 * Tells whose tasks an administrator has read by role alone: of whom the filter names, and where it names nobody, of all, and of the owners of
 * those on the page.
 */
async function tellOfList(
  { loaders }: TaskContext,
  viewer: Viewer,
  { ownerId, assigneeId }: TaskFilter,
  { edges }: TaskConnectionRow,
): Promise<void> {
  const named = [ownerId, assigneeId].flatMap((id) => id?.toLowerCase() ?? []);
  if (named.includes(viewer.userId)) return;
  const owners = edges.flatMap(({ node }) => (isByRoleAlone(viewer, node) ? node.ownerId : []));
  const people = new Set(named.length > 0 ? named : owners);
  await Promise.all([
    named.length === 0 && loaders.privilegedRead({ kind: 'tasks', id: null }),
    ...[...people].map((id) => loaders.privilegedRead({ kind: 'tasks-of-user', id })),
  ]);
}

/**
 * Creates a task that the viewer owns; with a key that was used before, tells of the task that was created then.
 *
 * @throws BAD_USER_INPUT when a field is malformed, the assignee does not exist, or the key stands for another task
 * @throws CONFLICT when the task that was created with the key is gone
 */
export async function createTask(
  context: TaskContext,
  input: CreateTaskInput,
  key: IdempotencyKey | null,
): Promise<{ task: TaskRow }> {
  const { userId } = requireViewer(context);
  const data = {
    ownerId: userId,
    title: parseTitle(input.title),
    description: parseDescription(input.description ?? null),
    status: input.status ?? 'TODO',
    priority: input.priority ?? 'MEDIUM',
    dueAt: input.dueAt ?? null,
    labels: parseLabels(input.labels ?? []),
    assigneeId: input.assigneeId == null ? null : parseUserId(input.assigneeId, 'assigneeId'),
  };
  await assertAssigneeExists(context, data.assigneeId);
  const outcome = await inTransaction(context.db, (tx) =>
    makeOnce(tx, { key, userId, wanted: data }, async () => {
      const created = await tx.task.create({ data });
      const { id, version } = created;
      await appendEvents(
        tx,
        [{ type: 'task.created.v1', subject: id, data: { taskId: id, ownerId: userId, version } }],
        context,
      );
      return created;
    }),
  );
  if (outcome.kind === 'repeated') return { task: await findCreated(context, outcome.id) };
  context.telemetry.taskCreated(context.log, outcome.made.id, outcome.made.status);
  return { task: outcome.made };
}

async function findCreated(context: TaskContext, id: string): Promise<TaskRow> {
  const task = await context.db.task.findUnique({ where: { id } });
  if (!task) throw alreadyGone('A task');
  context.telemetry.creationRepeated(context.log, id);
  return task;
}

/**
 * Changes a task that is still in the version that the caller has seen; of two callers with one version one wins. What is the same
 * as before is no change: without any the task keeps its version, and nobody hears of it.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws FORBIDDEN when the viewer may not assign this user
 * @throws BAD_USER_INPUT when a field is malformed or the assignee does not exist
 */
export async function updateTask(
  context: TaskContext,
  input: UpdateTaskInput,
): Promise<UpdateTaskSuccess | StaleVersion> {
  const viewer = requireViewer(context);
  const known = await getTask(context, input.id);
  const wanted = toChanges(input);
  if (wanted.assigneeId !== undefined && wanted.assigneeId !== known.assigneeId)
    await assertAssigneeExists(context, wanted.assigneeId);

  const outcome = await inTransaction(context.db, async (tx) => {
    const [locked] = await tx.$queryRaw<
      Array<{ id: string }>
    >`SELECT id FROM tasks WHERE id = ${known.id}::uuid FOR UPDATE`;
    const current = locked ? await tx.task.findFirst({ where: { id: known.id, ...visibleTasks(viewer) } }) : null;
    if (!current) throw notFound('Task');
    if (current.version !== input.expectedVersion) return { kind: 'stale' as const, current };
    const changes = withoutRepetitions(wanted, current);
    if (changes.assigneeId !== undefined && !canAssign(viewer, current, changes.assigneeId)) {
      throw forbidden('Only the owner of the task assigns somebody.', 'ASSIGNMENT');
    }
    if (Object.keys(changes).length === 0) return { kind: 'same' as const, task: current };
    const task = await tx.task.update({ where: { id: known.id }, data: { ...changes, version: { increment: 1 } } });
    const { id, version } = task;
    const isPrivileged = isByRoleAlone(viewer, current, changes.assigneeId != null);
    await appendEvents(
      tx,
      [
        { type: 'task.updated.v1', subject: id, data: { taskId: id, version, fields: Object.keys(changes) } },
        ...(isPrivileged ? tellOfChange(context, { taskId: id, ownerIds: [current.ownerId], change: 'updated' }) : []),
      ],
      context,
    );
    return { kind: 'updated' as const, task, status: changes.status };
  });

  if (outcome.kind === 'stale') {
    context.telemetry.updateRefusedAsStale(context.log, known.id);
    return {
      __typename: 'StaleVersionProblem',
      message: 'Somebody else has changed the task meanwhile.',
      current: outcome.current,
    };
  }
  if (outcome.kind === 'updated')
    context.telemetry.taskUpdated(context.log, known.id, outcome.task.version, outcome.status);
  return { __typename: 'UpdateTaskSuccess', task: outcome.task };
}

type TaskChanges = Partial<
  Pick<TaskRow, 'title' | 'description' | 'status' | 'priority' | 'dueAt' | 'labels' | 'assigneeId'>
>;

/** Leaves only what differs from the present task. */
function withoutRepetitions(wanted: TaskChanges, current: TaskRow): TaskChanges {
  const entries = Object.entries(wanted) as Array<[keyof TaskChanges, TaskRow[keyof TaskChanges]]>;
  return Object.fromEntries(entries.filter(([field, value]) => !isDeepStrictEqual(value, current[field])));
}

/** Absent members stay as they are; null clears where there can be nothing, and is refused elsewhere. */
function toChanges(input: UpdateTaskInput): TaskChanges {
  const changes: TaskChanges = {};
  for (const field of ['title', 'status', 'priority', 'labels'] as const) {
    if (input[field] === null)
      throw badUserInput(`\`${field}\` cannot be null; leave it out to keep it.`, 'NULL_NOT_ALLOWED');
  }
  if (input.title != null) changes.title = parseTitle(input.title);
  if (input.description !== undefined) changes.description = parseDescription(input.description);
  if (input.status != null) changes.status = input.status;
  if (input.priority != null) changes.priority = input.priority;
  if (input.dueAt !== undefined) changes.dueAt = input.dueAt;
  if (input.labels != null) changes.labels = parseLabels(input.labels);
  if (input.assigneeId !== undefined)
    changes.assigneeId = input.assigneeId === null ? null : parseUserId(input.assigneeId, 'assigneeId');
  return changes;
}

async function assertAssigneeExists(context: TaskContext, assigneeId: string | null): Promise<void> {
  if (assigneeId === null || assigneeId === requireViewer(context).userId) return;
  if (!(await context.userDirectory.exists(assigneeId, context))) {
    throw badUserInput('There is no user with the id in `assigneeId`.', 'ASSIGNEE_NOT_FOUND');
  }
}

/**
 * Deletes a task and its attachments.
 *
 * @throws NOT_FOUND when there is no such task for this viewer
 * @throws FORBIDDEN when the viewer sees it but does not own it
 */
export async function deleteTask(context: TaskContext, id: string): Promise<{ taskId: string }> {
  const viewer = requireViewer(context);
  const task = await getTask(context, id);
  if (!canDelete(viewer, task)) throw forbidden('Only the owner deletes a task.');
  await inTransaction(context.db, async (tx) => {
    await tx.$queryRaw`SELECT id FROM tasks WHERE id = ${task.id}::uuid FOR UPDATE`;
    const current = await tx.task.findFirst({
      where: { id: task.id, ...visibleTasks(viewer) },
      select: { id: true, ownerId: true, assigneeId: true },
    });
    if (!current) throw notFound('Task');
    await removeTasks(tx, [current], context);
    if (isByRoleAlone(viewer, current, true))
      await appendEvents(
        tx,
        tellOfChange(context, { taskId: current.id, ownerIds: [current.ownerId], change: 'deleted' }),
        context,
      );
  });
  context.telemetry.taskDeleted(context.log, task.id);
  return { taskId: task.id };
}

/** Deletes tasks that are locked, with their attachments, each with its event. */
export async function removeTasks(
  tx: TaskTx,
  tasks: ReadonlyArray<Pick<TaskRow, 'id' | 'ownerId' | 'assigneeId'>>,
  { requestId }: { readonly requestId?: string | undefined },
): Promise<void> {
  const ids = tasks.map(({ id }) => id);
  const attached = await tx.taskMedia.findMany({
    where: { taskId: { in: ids } },
    select: { taskId: true, mediaId: true },
    orderBy: { position: 'asc' },
  });
  await tx.task.deleteMany({ where: { id: { in: ids } } });
  await appendEvents(
    tx,
    tasks.map(({ id, ownerId, assigneeId }) => {
      const mediaIds = attached.filter(({ taskId }) => taskId === id).map(({ mediaId }) => mediaId);
      return { type: 'task.deleted.v1', subject: id, data: { taskId: id, ownerId, assigneeId, mediaIds } };
    }),
    { requestId },
  );
}
