-- Undoes 20261127034501_index_attached_by.
DROP INDEX "task_media_attached_by_idx";
