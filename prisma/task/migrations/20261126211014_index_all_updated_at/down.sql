-- Undoes 20261126211014_index_all_updated_at.
DROP INDEX "tasks_all_updated_at_id_idx";
