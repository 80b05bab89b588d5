-- Undoes 20261126211005_index_owner_title.
DROP INDEX "tasks_owner_id_title_id_idx";
