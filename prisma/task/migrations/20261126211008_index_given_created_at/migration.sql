-- Of tasks that are given to somebody by somebody else: their owners find them by another index.
CREATE INDEX CONCURRENTLY "tasks_given_created_at_id_idx" ON "tasks"("assignee_id", "created_at" DESC, "id" DESC) WHERE "assignee_id" <> "owner_id";
