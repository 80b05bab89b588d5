-- Undoes 20261126211016_index_all_priority.
DROP INDEX "tasks_all_priority_id_idx";
