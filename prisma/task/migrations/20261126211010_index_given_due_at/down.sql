-- Undoes 20261126211010_index_given_due_at.
DROP INDEX "tasks_given_due_at_id_idx";
