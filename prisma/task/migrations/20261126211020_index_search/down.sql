-- Undoes 20261126211020_index_search.
DROP INDEX "tasks_search_idx";
