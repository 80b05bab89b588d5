CREATE INDEX CONCURRENTLY "tasks_owner_id_due_at_id_idx" ON "tasks"("owner_id", "due_at", "id");
