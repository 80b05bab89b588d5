-- Undoes 20261127034502_index_uploader_id.
DROP INDEX "known_media_uploader_id_idx";
