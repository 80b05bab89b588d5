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
import { TaskPriority, type Prisma } from '../../generated/prisma/client.js';
import type { TaskRow } from './mappers.js';

type Direction = 'asc' | 'desc';
type SortValue = string | null;

const COLUMNS = {
  CREATED_AT: 'createdAt',
  UPDATED_AT: 'updatedAt',
  DUE_AT: 'dueAt',
  PRIORITY: 'priority',
  TITLE: 'title',
} as const satisfies Record<TaskOrderField, keyof TaskRow>;

const PRIORITIES_BY_RANK = Object.values(TaskPriority);

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

/** Where in this order a task stands. The order is part of it, so that it is no good for another. */
export function taskCursor(sort: TaskSort, row: TaskRow): string {
  const value = row[COLUMNS[sort.field]];
  return encodeCursor([sort.field, sort.direction, value instanceof Date ? value.toISOString() : value, row.id]);
}

/** The ORDER BY in reading direction: reversed for a backward page. Tasks without a value come last in the list. */
export function toOrderBy(sort: TaskSort, page: Pick<PageRequest, 'direction'>): Prisma.TaskOrderByWithRelationInput[] {
  const forward = page.direction === 'forward';
  const direction = forward ? sort.direction : reverse(sort.direction);
  const column = COLUMNS[sort.field];
  const byField =
    column === 'dueAt'
      ? { dueAt: { sort: direction, nulls: forward ? ('last' as const) : ('first' as const) } }
      : { [column]: direction };
  return [byField, { id: direction }];
}

/**
 * The conditions that keep a page between its cursors.
 *
 * @throws AppError BAD_USER_INPUT when a cursor is none, or is of another order
 */
export function toCursorBounds(
  sort: TaskSort,
  { after, before }: Pick<PageRequest, 'after' | 'before'>,
): Prisma.TaskWhereInput[] {
  return [
    ...(after === null ? [] : [beyond(sort, parseTaskCursor(sort, after), 'behind')]),
    ...(before === null ? [] : [beyond(sort, parseTaskCursor(sort, before), 'ahead')]),
  ];
}

interface Position {
  readonly value: SortValue;
  readonly id: string;
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
  if (field === 'PRIORITY') return (PRIORITIES_BY_RANK as string[]).includes(value);
  return isWrittenInstant(value);
}

/** What stands behind a position in the list, or ahead of it. */
function beyond(sort: TaskSort, { value, id }: Position, side: 'behind' | 'ahead'): Prisma.TaskWhereInput {
  const up = (sort.direction === 'asc') === (side === 'behind');
  const sameField = { [COLUMNS[sort.field]]: value } as Prisma.TaskWhereInput;
  const tie: Prisma.TaskWhereInput = { AND: [sameField, { id: up ? { gt: id } : { lt: id } }] };
  if (sort.field === 'PRIORITY') {
    const rank = PRIORITIES_BY_RANK.indexOf(value as TaskPriority);
    const further = up ? PRIORITIES_BY_RANK.slice(rank + 1) : PRIORITIES_BY_RANK.slice(0, rank);
    return { OR: [{ priority: { in: further } }, tie] };
  }
  if (value === null) return side === 'behind' ? tie : { OR: [{ dueAt: { not: null } }, tie] };
  const further = { [COLUMNS[sort.field]]: up ? { gt: value } : { lt: value } } as Prisma.TaskWhereInput;
  const withoutValue: Prisma.TaskWhereInput[] = sort.field === 'DUE_AT' && side === 'behind' ? [{ dueAt: null }] : [];
  return { OR: [further, tie, ...withoutValue] };
}

function reverse(direction: Direction): Direction {
  return direction === 'asc' ? 'desc' : 'asc';
}
