-- Of tasks that are given to somebody by somebody else: their owners find them by another index.
CREATE INDEX CONCURRENTLY "tasks_given_owner_id_id_idx" ON "tasks"("assignee_id", "owner_id", "id" DESC) WHERE "assignee_id" <> "owner_id";
