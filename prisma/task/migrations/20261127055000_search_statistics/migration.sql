-- With the hundred samples that a column has by default, one of a rare text by chance makes it a hundredth of all, and a search for it
-- reads most of the table in the order of the page.
ALTER INDEX "tasks_search_idx" ALTER COLUMN 1 SET STATISTICS 1000;
ANALYZE "tasks";
