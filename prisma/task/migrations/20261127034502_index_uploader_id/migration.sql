CREATE INDEX CONCURRENTLY "known_media_uploader_id_idx" ON "known_media"("uploader_id");
