-- What the files of a user take is summed up by this index alone, at each upload.
CREATE INDEX CONCURRENTLY "media_items_uploader_id_id_byte_size_idx" ON "media_items"("uploader_id", "id" DESC, "byte_size");
