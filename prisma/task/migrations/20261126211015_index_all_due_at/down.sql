-- Undoes 20261126211015_index_all_due_at.
DROP INDEX "tasks_all_due_at_id_idx";
