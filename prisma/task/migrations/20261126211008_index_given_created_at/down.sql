-- Undoes 20261126211008_index_given_created_at.
DROP INDEX "tasks_given_created_at_id_idx";
