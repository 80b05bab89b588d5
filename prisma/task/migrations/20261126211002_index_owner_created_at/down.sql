-- Undoes 20261126211002_index_owner_created_at.
DROP INDEX "tasks_owner_id_created_at_id_idx";
