CREATE INDEX CONCURRENTLY "tasks_owner_id_title_id_idx" ON "tasks"("owner_id", "title", "id");
