import {
  keyedPages,
  loaderBy,
  toKeyedPages,
  type KeyedPageRow,
  type KeyLoader,
  type PageRequest,
  type PreparedReads,
  type Viewer,
} from '@taskgraph/service-kit';
import { uuidArray } from '../../db.js';
import { Prisma } from '../../generated/prisma/client.js';
import type { TaskConnectionRow, TaskRow } from './mappers.js';
import {
  behindCursor,
  countParts,
  selectMerged,
  taskColumns,
  toTaskConnection,
  visiblePartsOf,
  type TaskFields,
  type TaskPageSelection,
} from './task-pages.js';

export {
  ALL_TASK_FIELDS,
  behindCursor,
  selectedTaskPage,
  taskColumns,
  type TaskFields,
  type TaskPageSelection,
} from './task-pages.js';

/** A page of the tasks that belong to something, and what of it is asked for. */
export interface TaskPageRequest extends TaskPageSelection {
  readonly page: PageRequest;
}

export interface TaskLoaders {
  /** Null for what the viewer may not see. */
  readonly task: (fields: TaskFields) => KeyLoader<TaskRow | null>;
  /** By user id. */
  readonly userTasks: (request: TaskPageRequest) => KeyLoader<TaskConnectionRow>;
}

/** The tasks that `canSee` lets through, as a condition. */
export function visibleTasks(viewer: Viewer): Prisma.TaskWhereInput {
  return viewer.role === 'ADMIN' ? {} : { OR: [{ ownerId: viewer.userId }, { assigneeId: viewer.userId }] };
}

/** The same in SQL, for a table or alias `t`. */
export function visibleTasksSql(viewer: Viewer): Prisma.Sql {
  return viewer.role === 'ADMIN'
    ? Prisma.sql`TRUE`
    : Prisma.sql`(t.owner_id = ${viewer.userId}::uuid OR t.assignee_id = ${viewer.userId}::uuid)`;
}

/** One statement for each kind of look-up in one execution, however many keys. */
export function createTaskLoaders(reads: PreparedReads, viewer: Viewer | null): TaskLoaders {
  return {
    task: loaderBy(
      (fields) => taskColumns(fields).name,
      (fields) => async (ids) => {
        if (!viewer) return ids.map(() => null);
        const rows = await reads.prepared<TaskRow>(Prisma.sql`
          SELECT ${taskColumns(fields).sql} FROM tasks t WHERE t.id = ANY(${uuidArray(ids)}) AND ${visibleTasksSql(viewer)}`);
        const byId = new Map(rows.map((row) => [row.id, row]));
        return ids.map((id) => byId.get(id) ?? null);
      },
    ),
    userTasks: loaderBy(nameOfPage, (request) => async (userIds) => {
      if (!viewer) return userIds.map(() => toTaskConnection({ rows: [], totalCount: 0 }, request.page));
      const parts = visiblePartsOf(Prisma.sql`k.id`, viewer);
      const behind = behindCursor(request.page);
      return readTaskPages(reads, userIds, request, {
        page: selectMerged({
          parts: parts.map((part) => Prisma.sql`${part} AND ${behind}`),
          columns: taskColumns(request.fields),
          order: Prisma.sql`t.id DESC`,
          mergedOrder: Prisma.sql`id DESC`,
          limit: request.page.size + 1,
        }),
        total: countParts(parts),
      });
    }),
  };
}

/** Tells requests apart that share no statement. */
export function nameOfPage({ page, fields, total }: TaskPageRequest): string {
  return JSON.stringify([page, taskColumns(fields).name, total]);
}

/** Reads pages of tasks, the newest first, each of the list that belongs to one key. */
export async function readTaskPages(
  reads: PreparedReads,
  keys: readonly string[],
  request: TaskPageRequest,
  { page, total }: { readonly page: Prisma.Sql; readonly total: Prisma.Sql },
): Promise<TaskConnectionRow[]> {
  const rows = await reads.prepared<KeyedPageRow<TaskRow>>(
    keyedPages<Prisma.Sql>(Prisma.sql, keys, {
      page,
      order: Prisma.sql`p.id DESC`,
      total: request.total ? total : null,
    }),
  );
  return toKeyedPages<TaskRow>(keys, rows).map((found) => toTaskConnection(found, request.page));
}
