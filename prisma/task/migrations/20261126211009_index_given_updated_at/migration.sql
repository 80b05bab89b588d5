-- Of tasks that are given to somebody by somebody else: their owners find them by another index.
CREATE INDEX CONCURRENTLY "tasks_given_updated_at_id_idx" ON "tasks"("assignee_id", "updated_at" DESC, "id" DESC) WHERE "assignee_id" <> "owner_id";
