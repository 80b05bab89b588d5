-- media_items_uploader_id_id_byte_size_idx takes its place.
DROP INDEX CONCURRENTLY "media_items_uploader_id_id_idx";
