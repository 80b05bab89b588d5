CREATE INDEX CONCURRENTLY "tasks_owner_id_id_idx" ON "tasks"("owner_id", "id" DESC);
