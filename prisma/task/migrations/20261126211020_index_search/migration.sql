-- The expression is that of the search (task-filter.ts): another one does not find this index. The record separator keeps the end of
-- the title and the beginning of the description from being found together.
CREATE INDEX CONCURRENTLY "tasks_search_idx" ON "tasks" USING GIN (lower("title" || E'\x1e' || coalesce("description", '')) gin_trgm_ops);
