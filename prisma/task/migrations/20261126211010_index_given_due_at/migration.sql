-- Of tasks that are given to somebody by somebody else: their owners find them by another index.
CREATE INDEX CONCURRENTLY "tasks_given_due_at_id_idx" ON "tasks"("assignee_id", "due_at", "id") WHERE "assignee_id" <> "owner_id";
