import {
  decodeCursor,
  encodeCursor,
  invalidCursor,
  isStorable,
  isUuid,
  isWrittenInstant,
  type PageRequest,
} from '@taskgraph/service-kit';
import type { TaskOrder, TaskOrderField } from '../../generated/graphql.js';
import { Prisma, TaskPriority } from '../../generated/prisma/client.js';
import type { TaskRow } from './mappers.js';

type Direction = 'asc' | 'desc';
type SortValue = string | null;

/** By field: the member of the row, its column, and the column's type. */
const COLUMNS = {
  CREATED_AT: { member: 'createdAt', column: 'created_at', type: 'timestamptz' },
  UPDATED_AT: { member: 'updatedAt', column: 'updated_at', type: 'timestamptz' },
  DUE_AT: { member: 'dueAt', column: 'due_at', type: 'timestamptz' },
  PRIORITY: { member: 'priority', column: 'priority', type: 'task_priority' },
  TITLE: { member: 'title', column: 'title', type: 'text' },
} as const satisfies Record<TaskOrderField, { member: keyof TaskRow; column: string; type: string }>;

const PRIORITIES: readonly string[] = Object.values(TaskPriority);

/** A total order of tasks: a field and, among equals, the id. */
export interface TaskSort {
  readonly field: TaskOrderField;
  readonly direction: Direction;
}

export function toTaskSort(order: TaskOrder | null | undefined): TaskSort {
  return order
    ? { field: order.field, direction: order.direction === 'DESC' ? 'desc' : 'asc' }
    : { field: 'UPDATED_AT', direction: 'desc' };
}

/** The field of a task that an order needs to be read. */
export function sortMember({ field }: TaskSort): string {
  return COLUMNS[field].member;
}

/** Where in this order a task stands. The order is part of it, so that it is no good for another. */
export function taskCursor(sort: TaskSort, row: TaskRow): string {
  const value = row[COLUMNS[sort.field].member];
  return encodeCursor([sort.field, sort.direction, value instanceof Date ? value.toISOString() : value, row.id]);
}

/** How a page is read: in its own direction, backwards for the last of a list. */
export interface TaskScan {
  /** ORDER BY of a part of the list in which all tasks have a value, or none has: as the indexes are sorted. */
  readonly order: Prisma.Sql;
  /** ORDER BY of all parts together, by the names of what is selected: tasks without a value come last in the list. */
  readonly mergedOrder: Prisma.Sql;
  /** The parts between the cursors, each a condition. No task is in two of them. */
  readonly ranges: readonly Prisma.Sql[];
}

/**
 * Tells how a page is read, so that each of its ranges is a range of an index: a page costs the same wherever it lies.
 *
 * @throws AppError BAD_USER_INPUT when a cursor is none, or is of another order
 */
export function toTaskScan(sort: TaskSort, page: PageRequest): TaskScan {
  const { member, column } = COLUMNS[sort.field];
  const isForward = page.direction === 'forward';
  const direction = (sort.direction === 'asc') === isForward ? 'ASC' : 'DESC';
  const nulls = sort.field === 'DUE_AT' ? ` NULLS ${isForward ? 'LAST' : 'FIRST'}` : '';
  return {
    order: Prisma.raw(`t.${column} ${direction}, t.id ${direction}`),
    mergedOrder: Prisma.raw(`"${member}" ${direction}${nulls}, id ${direction}`),
    ranges: toRanges(sort, {
      after: page.after === null ? null : parseTaskCursor(sort, page.after),
      before: page.before === null ? null : parseTaskCursor(sort, page.before),
    }),
  };
}

interface Position {
  readonly value: SortValue;
  readonly id: string;
}

interface Bounds {
  readonly after: Position | null;
  readonly before: Position | null;
}

function parseTaskCursor(sort: TaskSort, cursor: string): Position {
  const [field, direction, value, id] = decodeCursor(cursor);
  if (field !== sort.field || direction !== sort.direction || typeof id !== 'string' || !isUuid(id))
    throw invalidCursor();
  if (value === null && sort.field === 'DUE_AT') return { value, id };
  if (typeof value !== 'string' || !isSortValue(sort.field, value)) throw invalidCursor();
  return { value, id };
}

function isSortValue(field: TaskOrderField, value: string): boolean {
  if (field === 'TITLE') return isStorable(value);
  if (field === 'PRIORITY') return PRIORITIES.includes(value);
  return isWrittenInstant(value);
}

function toRanges(sort: TaskSort, bounds: Bounds): Prisma.Sql[] {
  if (sort.field !== 'DUE_AT') return [allOf(boundsOf(sort, bounds))];
  // What has no value is the end of the list in both directions, which no index is sorted by.
  const { after, before } = bounds;
  const ranges: Prisma.Sql[] = [];
  if (after?.value !== null) {
    const within = { after, before: before?.value === null ? null : before };
    ranges.push(allOf([Prisma.sql`t.due_at IS NOT NULL`, ...boundsOf(sort, within)]));
  }
  if (before === null || before.value === null) {
    const within = { after: after?.value === null ? after : null, before };
    ranges.push(allOf([Prisma.sql`t.due_at IS NULL`, ...boundsOf(sort, within)]));
  }
  return ranges.length > 0 ? ranges : [Prisma.sql`FALSE`];
}

function boundsOf(sort: TaskSort, { after, before }: Bounds): Prisma.Sql[] {
  const up = sort.direction === 'asc';
  return [...(after ? [beyond(sort, after, up)] : []), ...(before ? [beyond(sort, before, !up)] : [])];
}

/** What is greater than a position, or less: compared as a row, which is one range of an index. */
function beyond({ field }: TaskSort, { value, id }: Position, greater: boolean): Prisma.Sql {
  const than = Prisma.raw(greater ? '>' : '<');
  if (value === null) return Prisma.sql`t.id ${than} ${id}::uuid`;
  const { column, type } = COLUMNS[field];
  return Prisma.sql`(t.${Prisma.raw(column)}, t.id) ${than} (${value}::${Prisma.raw(type)}, ${id}::uuid)`;
}

function allOf(conditions: readonly Prisma.Sql[]): Prisma.Sql {
  return conditions.length > 0 ? Prisma.join([...conditions], ' AND ') : Prisma.sql`TRUE`;
}
