-- Undoes 20261126211018_drop_index_updated_at.
CREATE INDEX "tasks_updated_at_id_idx" ON "tasks"("updated_at" DESC, "id" DESC);
