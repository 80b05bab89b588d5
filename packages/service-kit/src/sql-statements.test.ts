import { describe, expect, it } from '@jest/globals';
import { statementKind } from './sql-statements.js';

describe('the kind of a statement', () => {
  it.each([
    ['SELECT "public"."tasks"."id", "public"."tasks"."title" FROM "public"."tasks" WHERE 1=1', 'select', 'tasks'],
    ['  select max(position) AS position FROM outbox WHERE subject = $1', 'select', 'outbox'],
    ['SELECT t.* FROM unnest($1::uuid[]) AS u(id) JOIN tasks t ON t.id = u.id', 'select', 'none'],
    ['SELECT 1', 'select', 'none'],
    ['INSERT INTO "public"."users" ("id","email") VALUES ($1,$2) RETURNING "public"."users"."id"', 'insert', 'users'],
    [
      'WITH events AS (SELECT * FROM jsonb_to_recordset($1)) INSERT INTO outbox (id) SELECT id FROM events',
      'insert',
      'outbox',
    ],
    ['UPDATE "public"."tasks" SET "title" = $1 WHERE "public"."tasks"."id" = $2', 'update', 'tasks'],
    ['SELECT id FROM tasks WHERE id = $1 FOR UPDATE', 'select', 'tasks'],
    ['DELETE FROM "public"."sessions" WHERE "expires_at" < $1', 'delete', 'sessions'],
    ['BEGIN', 'begin', 'none'],
    ['COMMIT', 'commit', 'none'],
    ['SET LOCAL statement_timeout = 5', 'set', 'none'],
    ['VACUUM tasks', 'other', 'none'],
    ['', 'other', 'none'],
  ])('of %s', (text, action, model) => {
    expect(statementKind(text)).toEqual({ action, model });
  });
});
