-- Undoes 20261129103001_index_used_bytes.
DROP INDEX "media_items_uploader_id_id_byte_size_idx";
