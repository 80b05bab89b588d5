CREATE INDEX CONCURRENTLY "task_media_attached_by_idx" ON "task_media"("attached_by");
