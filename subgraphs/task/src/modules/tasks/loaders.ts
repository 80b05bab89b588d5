import {
  decodeCursor,
  encodeCursor,
  invalidCursor,
  isUuid,
  loaderByPage,
  selectKeyedPages,
  toConnection,
  type KeyedPage,
  type PageRequest,
  type Viewer,
} from '@taskgraph/service-kit';
import DataLoader from 'dataloader';
import { Prisma } from '../../generated/prisma/client.js';
import { uuidArray, type TaskDb, type TaskDbClient } from '../../db.js';
import type { TaskConnectionRow, TaskRow } from './mappers.js';

export interface TaskLoaders {
  /** Null for what the viewer may not see. */
  readonly task: DataLoader<string, TaskRow | null>;
  /** By user id. */
  readonly userTasks: (page: PageRequest) => DataLoader<string, TaskConnectionRow>;
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

/** Columns of table `t` under the names of {@link TaskRow}. */
export const TASK_COLUMNS = Prisma.sql`
  t.id, t.owner_id AS "ownerId", t.assignee_id AS "assigneeId", t.title, t.description, t.status::text AS status,
  t.priority::text AS priority, t.due_at AS "dueAt", t.labels, t.version, t.created_at AS "createdAt", t.updated_at AS "updatedAt"`;

/** One statement for each kind of look-up in one execution, however many keys. */
export function createTaskLoaders(db: TaskDb, viewer: Viewer | null): TaskLoaders {
  return {
    task: new DataLoader(async (ids) => {
      const rows = viewer ? await db.task.findMany({ where: { id: { in: [...ids] }, ...visibleTasks(viewer) } }) : [];
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => byId.get(id) ?? null);
    }),
    userTasks: loaderByPage(
      (page) => (userIds) =>
        selectTaskPages(db, userIds, page, {
          key: Prisma.sql`u.id`,
          source: Prisma.sql`FROM unnest(${uuidArray(userIds)}) AS u(id)
          JOIN tasks t ON t.owner_id = u.id OR t.assignee_id = u.id
          WHERE ${viewer ? visibleTasksSql(viewer) : Prisma.sql`FALSE`}`,
        }),
    ),
  };
}

/** Pages of tasks, the newest first: ids are UUIDv7, so their order is that of creation. */
export async function selectTaskPages(
  db: TaskDbClient,
  keys: readonly string[],
  page: PageRequest,
  { key, source }: { key: Prisma.Sql; source: Prisma.Sql },
): Promise<TaskConnectionRow[]> {
  const after = page.after === null ? null : parseIdCursor(page.after);
  const pages = await selectKeyedPages<TaskRow, Prisma.Sql>(db, Prisma.sql, keys, {
    columns: TASK_COLUMNS,
    source,
    key,
    order: Prisma.sql`t.id DESC`,
    afterCursor: after === null ? Prisma.sql`TRUE` : Prisma.sql`t.id < ${after}::uuid`,
    size: page.size,
  });
  return pages.map((rows) => toTaskConnection(rows, page));
}

function toTaskConnection({ rows, totalCount }: KeyedPage<TaskRow>, page: PageRequest): TaskConnectionRow {
  return { ...toConnection(rows, page, ({ id }) => encodeCursor([id])), total: { kind: 'known', count: totalCount } };
}

function parseIdCursor(cursor: string): string {
  const [id, ...rest] = decodeCursor(cursor);
  if (typeof id !== 'string' || !isUuid(id) || rest.length > 0) throw invalidCursor();
  return id;
}
