import { toConnection, type PageRequest, type PreparedReads, type Viewer } from '@taskgraph/service-kit';
import { Prisma } from '../../generated/prisma/client.js';
import type { TaskConnectionRow, TaskRow } from './mappers.js';
import { sortMember, taskCursor, toTaskScan, type TaskSort } from './task-order.js';
import { countParts, selectMerged, taskColumns, visibleParts, type TaskPageSelection } from './task-pages.js';

export interface TaskListQuery extends TaskPageSelection {
  readonly page: PageRequest;
  readonly sort: TaskSort;
  /** On table `t`. */
  readonly conditions: readonly Prisma.Sql[];
}

/**
 * Reads a page of the tasks that a viewer may see, in one statement, and their number in another at the same time when it is asked
 * for. The cost of a page is that of its rows, wherever in the list it lies; a filter that lets through little costs more.
 *
 * @throws AppError BAD_USER_INPUT when a cursor is none, or is of another order
 */
export async function readTaskList(
  reads: PreparedReads,
  viewer: Viewer,
  { page, sort, conditions, fields, total }: TaskListQuery,
): Promise<TaskConnectionRow> {
  const { order, mergedOrder, ranges } = toTaskScan(sort, page);
  const parts = visibleParts(viewer).map((part) => Prisma.join([part, ...conditions], ' AND '));
  const statement = selectMerged({
    parts: parts.flatMap((part) => ranges.map((range) => Prisma.sql`${part} AND ${range}`)),
    columns: taskColumns(fields, sortMember(sort)),
    order,
    mergedOrder,
    limit: page.size + 1,
  });
  // What a filter lets through is known only from its values.
  const read = conditions.length === 0 ? reads.prepared : reads.planned;
  const [rows, counted] = await Promise.all([
    read<TaskRow>(statement),
    total ? read<{ count: number }>(Prisma.sql`SELECT (${countParts(parts)})::int AS count`) : [],
  ]);
  return { ...toConnection(rows, page, (row) => taskCursor(sort, row)), totalCount: counted[0]?.count ?? null };
}
