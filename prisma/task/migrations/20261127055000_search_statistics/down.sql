-- Undoes 20261127055000_search_statistics.
ALTER INDEX "tasks_search_idx" ALTER COLUMN 1 SET STATISTICS -1;
