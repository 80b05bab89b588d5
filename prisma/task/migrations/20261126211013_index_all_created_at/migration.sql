-- For administrators, who see all tasks. Every version is greater than 0: only who says so may use this index, which would lead
-- others through the tasks of everybody where one person owns most of them.
CREATE INDEX CONCURRENTLY "tasks_all_created_at_id_idx" ON "tasks"("created_at" DESC, "id" DESC) WHERE "version" > 0;
