-- Undoes 20261126211001_index_owner_id.
DROP INDEX "tasks_owner_id_id_idx";
