-- Pages of what a user has uploaded leave out what is deleted: without it in the way, a page costs the same whatever was deleted before.
CREATE INDEX CONCURRENTLY "media_items_seen_uploader_id_id_idx" ON "media_items"("uploader_id", "id" DESC) WHERE "deleted_at" IS NULL;
