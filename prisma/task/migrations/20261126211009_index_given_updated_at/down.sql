-- Undoes 20261126211009_index_given_updated_at.
DROP INDEX "tasks_given_updated_at_id_idx";
