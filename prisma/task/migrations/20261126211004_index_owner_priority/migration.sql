CREATE INDEX CONCURRENTLY "tasks_owner_id_priority_id_idx" ON "tasks"("owner_id", "priority", "id");
