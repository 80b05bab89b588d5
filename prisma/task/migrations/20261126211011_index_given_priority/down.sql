-- Undoes 20261126211011_index_given_priority.
DROP INDEX "tasks_given_priority_id_idx";
