-- Undoes 20261126211017_index_all_title.
DROP INDEX "tasks_all_title_id_idx";
