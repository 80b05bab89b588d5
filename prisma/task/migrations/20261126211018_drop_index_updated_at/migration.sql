-- tasks_all_updated_at_id_idx takes its place.
DROP INDEX CONCURRENTLY "tasks_updated_at_id_idx";
