-- Undoes 20261126211006_index_given_id.
DROP INDEX "tasks_given_id_idx";
