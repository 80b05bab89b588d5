-- Of tasks that are given to somebody by somebody else: their owners find them by another index.
CREATE INDEX CONCURRENTLY "tasks_given_title_id_idx" ON "tasks"("assignee_id", "title", "id") WHERE "assignee_id" <> "owner_id";
