import type { TaskFilter } from '../../generated/graphql.js';
import { Prisma } from '../../generated/prisma/client.js';
import { escapeLike, parseLabels, parseSearch, parseUserId } from './task-input.js';

/** Between title and description in what is searched; no title has one. */
const SEPARATOR = '\u001e';
/** The expression of the index `tasks_search_idx`, to the letter: another one would not find it. */
const SEARCHED = Prisma.raw(String.raw`lower(t.title || E'\x1e' || coalesce(t.description, ''))`);

/**
 * The conditions of a filter on table `t`; none when it lets everything through.
 *
 * @throws BAD_USER_INPUT when a member makes no sense
 */
export function toConditions(filter: TaskFilter): Prisma.Sql[] {
  const { status, priority, label, assigneeId, ownerId, dueAfter, dueBefore } = filter;
  const search = filter.search == null ? null : parseSearch(filter.search);
  const conditions: Prisma.Sql[] = [];
  if (status) conditions.push(Prisma.sql`t.status = ANY(${[...status]}::task_status[])`);
  if (priority) conditions.push(Prisma.sql`t.priority = ANY(${[...priority]}::task_priority[])`);
  if (label && label.length > 0) conditions.push(Prisma.sql`t.labels @> ${parseLabels(label)}::text[]`);
  if (assigneeId === null) conditions.push(Prisma.sql`t.assignee_id IS NULL`);
  else if (assigneeId !== undefined)
    conditions.push(Prisma.sql`t.assignee_id = ${parseUserId(assigneeId, 'assigneeId')}::uuid`);
  if (ownerId != null) conditions.push(Prisma.sql`t.owner_id = ${parseUserId(ownerId, 'ownerId')}::uuid`);
  if (dueAfter) conditions.push(Prisma.sql`t.due_at >= ${dueAfter.toISOString()}::timestamptz`);
  if (dueBefore) conditions.push(Prisma.sql`t.due_at < ${dueBefore.toISOString()}::timestamptz`);
  if (search !== null) conditions.push(toSearch(search));
  return conditions;
}

function toSearch(search: string): Prisma.Sql {
  const pattern = `%${escapeLike(search)}%`;
  // It would be found where the title ends; only a description can have it.
  return search.includes(SEPARATOR)
    ? Prisma.sql`lower(t.description) LIKE lower(${pattern})`
    : Prisma.sql`${SEARCHED} LIKE lower(${pattern})`;
}
