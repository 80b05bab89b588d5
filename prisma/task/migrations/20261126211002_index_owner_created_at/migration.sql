CREATE INDEX CONCURRENTLY "tasks_owner_id_created_at_id_idx" ON "tasks"("owner_id", "created_at" DESC, "id" DESC);
