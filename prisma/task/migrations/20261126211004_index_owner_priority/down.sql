-- Undoes 20261126211004_index_owner_priority.
DROP INDEX "tasks_owner_id_priority_id_idx";
