-- Undoes 20261126211013_index_all_created_at.
DROP INDEX "tasks_all_created_at_id_idx";
