-- Undoes 20261126211003_index_owner_due_at.
DROP INDEX "tasks_owner_id_due_at_id_idx";
