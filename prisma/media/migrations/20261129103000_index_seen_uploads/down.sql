-- Undoes 20261129103000_index_seen_uploads.
DROP INDEX "media_items_seen_uploader_id_id_idx";
