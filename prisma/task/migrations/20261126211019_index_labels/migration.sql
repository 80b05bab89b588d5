CREATE INDEX CONCURRENTLY "tasks_labels_idx" ON "tasks" USING GIN ("labels");
