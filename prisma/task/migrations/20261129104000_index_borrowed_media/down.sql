-- Undoes 20261129104000_index_borrowed_media.
DROP INDEX "task_media_borrowed_media_id_attached_by_idx";
