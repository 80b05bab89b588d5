-- Undoes 20261126211012_index_given_title.
DROP INDEX "tasks_given_title_id_idx";
