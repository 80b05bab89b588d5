import {
  columnsByField,
  encodeCursor,
  decodeCursor,
  invalidCursor,
  isUuid,
  selectedFields,
  toConnection,
  type KeyedPage,
  type PageRequest,
  type SelectedColumns,
  type Viewer,
} from '@taskgraph/service-kit';
import type { GraphQLResolveInfo } from 'graphql';
import { Prisma } from '../../generated/prisma/client.js';
import type { TaskConnectionRow, TaskRow } from './mappers.js';

/** What of a task is asked for: the names of its GraphQL fields. */
export type TaskFields = ReadonlySet<string>;

/** What of a page of tasks is asked for. */
export interface TaskPageSelection {
  readonly fields: TaskFields;
  /** Whether the whole list is counted. */
  readonly total: boolean;
}

/** What is asked for of the `TaskConnection` that a field returns. */
export function selectedTaskPage(info: GraphQLResolveInfo): TaskPageSelection {
  return {
    fields: selectedFields(info, 'Task', 'edges', 'node'),
    total: selectedFields(info, 'TaskConnection').has('totalCount'),
  };
}

const COLUMN_BY_FIELD = {
  title: ['t.title'],
  description: ['t.description'],
  status: ['t.status'],
  priority: ['t.priority'],
  dueAt: ['t.due_at AS "dueAt"'],
  labels: ['t.labels'],
  version: ['t.version'],
  createdAt: ['t.created_at AS "createdAt"'],
  updatedAt: ['t.updated_at AS "updatedAt"'],
  owner: ['t.owner_id AS "ownerId"'],
  assignee: ['t.assignee_id AS "assigneeId"'],
};

/** All of it, for a caller that decides by a task or hands it on. */
export const ALL_TASK_FIELDS: TaskFields = new Set(Object.keys(COLUMN_BY_FIELD));

/** The columns of table `t` that answer these fields, under the names of {@link TaskRow}: a row has no others. */
export const taskColumns = columnsByField(Prisma.raw, ['t.id'], COLUMN_BY_FIELD);

/**
 * What a viewer may see of all tasks (see `canSee`) in parts, each a condition on table `t` with indexes of its own. No task is in two
 * of them. A viewer who has given a task to themselves finds it with their own.
 */
export function visibleParts(viewer: Viewer): readonly Prisma.Sql[] {
  // Every version is: the words by which the indexes of all tasks are used, and by nobody else.
  if (viewer.role === 'ADMIN') return [Prisma.sql`t.version > 0`];
  return partsOf(Prisma.sql`${viewer.userId}::uuid`);
}

/** What somebody owns, and what others have given to them. */
function partsOf(userId: Prisma.Sql): readonly Prisma.Sql[] {
  return [Prisma.sql`t.owner_id = ${userId}`, Prisma.sql`t.assignee_id = ${userId} AND t.assignee_id <> t.owner_id`];
}

/** The same of the tasks of one user, who is an expression of SQL: of somebody else a viewer sees what they have in common. */
export function visiblePartsOf(userId: Prisma.Sql, viewer: Viewer): readonly Prisma.Sql[] {
  if (viewer.role === 'ADMIN') return partsOf(userId);
  const viewerId = Prisma.sql`${viewer.userId}::uuid`;
  return [
    ...partsOf(userId).map((part) => Prisma.sql`${userId} = ${viewerId} AND ${part}`),
    ...[
      [viewerId, userId],
      [userId, viewerId],
    ].map(
      ([assignee, owner]) =>
        Prisma.sql`${userId} <> ${viewerId} AND t.assignee_id = ${assignee} AND t.owner_id = ${owner} AND t.assignee_id <> t.owner_id`,
    ),
  ];
}

export interface TaskPageQuery {
  readonly parts: readonly Prisma.Sql[];
  readonly columns: SelectedColumns<Prisma.Sql>;
  /** By columns of `t`, as an index of each part is sorted. */
  readonly order: Prisma.Sql;
  /** By the names of what is selected. */
  readonly mergedOrder: Prisma.Sql;
  readonly limit: number;
}

/** Selects the first tasks of several parts: of each no more than are wanted, and merged. */
export function selectMerged({ parts, columns, order, mergedOrder, limit }: TaskPageQuery): Prisma.Sql {
  const selects = parts.map(
    (part) => Prisma.sql`SELECT ${columns.sql} FROM tasks t WHERE ${part} ORDER BY ${order} LIMIT ${limit}`,
  );
  const [only, ...others] = selects;
  if (only && others.length === 0) return only;
  return Prisma.sql`(${Prisma.join(selects, ') UNION ALL (')}) ORDER BY ${mergedOrder} LIMIT ${limit}`;
}

/** Counts the tasks of several parts. */
export function countParts(parts: readonly Prisma.Sql[]): Prisma.Sql {
  return Prisma.join(
    parts.map((part) => Prisma.sql`(SELECT count(*) FROM tasks t WHERE ${part})`),
    ' + ',
  );
}

/** What lies behind the cursor of a list of the newest tasks first: ids are UUIDv7, so their order is that of creation. */
export function behindCursor({ after }: PageRequest): Prisma.Sql {
  if (after === null) return Prisma.sql`TRUE`;
  const [id, ...rest] = decodeCursor(after);
  if (typeof id !== 'string' || !isUuid(id) || rest.length > 0) throw invalidCursor();
  return Prisma.sql`t.id < ${id}::uuid`;
}

/** The page of such a list. */
export function toTaskConnection({ rows, totalCount }: KeyedPage<TaskRow>, page: PageRequest): TaskConnectionRow {
  return { ...toConnection(rows, page, ({ id }) => encodeCursor([id])), totalCount };
}
